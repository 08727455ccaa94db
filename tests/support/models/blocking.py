"""Models that block until a test lets them go on."""

import threading
from typing import Any, Final

both_run: Final = threading.Barrier(2, timeout=10)
may_go_on: Final = threading.Event()


def meet(_: Any) -> str:
    """Return the name of the thread, once two calls run, each in a thread of its own."""
    both_run.wait()
    return threading.current_thread().name


def stuck(value: int) -> int:
    """Return the input; on 0, not before ``may_go_on`` is set."""
    if not value:
        may_go_on.wait(timeout=60)
    return value


class StuckBatch:
    """A model as ``stuck`` that takes several inputs at once."""

    def predict(self, value: int) -> int:
        """Return the input."""
        return stuck(value)

    def predict_batch(self, values: list[int]) -> list[int]:
        """Return the inputs."""
        return [stuck(value) for value in values]
