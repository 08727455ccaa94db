"""Models that end or fork the process in which they run, or never return."""

import os
import sys
import time
from pathlib import Path


class Deadly:
    """A model that ends its process on 0, and on any batch."""

    def predict(self, value: int) -> list[int]:
        """Return the input and the id of the process."""
        return [value, os.getpid()] if value else os._exit(1)

    def predict_batch(self, values: list[int]) -> list[int]:
        """End the process."""
        os._exit(1)


class Slow:
    """A model that never returns when -1 is among its inputs."""

    def predict(self, value: int) -> int:
        """Return the input."""
        return self.predict_batch([value])[0]

    def predict_batch(self, values: list[int]) -> list[int]:
        """Return the inputs."""
        while -1 in values:
            time.sleep(1)
        return values


def fork(value: str) -> str:
    """Return the input; on ``fork``, fork a child that goes on as if it were the worker."""
    if value == "fork" and os.fork() == 0:
        sys.exit(0)
    return value


def fork_and_die(_: str) -> str:
    """Fork a child that lives on with all open files, and end the process."""
    if os.fork() == 0:
        os.setsid()
        time.sleep(20)
        os._exit(0)
    os._exit(1)


class LoadsOnce:
    """A model that can be loaded only once, and ends its process."""

    def __init__(self, marker: str) -> None:
        Path(marker).open("x").close()

    def predict(self, value: int) -> int:
        """End the process."""
        os._exit(1)


class DiesLoadingOnce:
    """A model that ends its process while it loads for the second time, and on 0."""

    def __init__(self, loads: str) -> None:
        with Path(loads).open("a") as file:
            file.write("x")
        if Path(loads).read_text() == "xx":
            os._exit(9)

    def predict(self, value: int) -> int:
        """Return the input."""
        if not value:
            os._exit(9)
        return value
