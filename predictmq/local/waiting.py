"""Waiting for a condition that only repeated checks can show."""

import time
from collections.abc import Callable
from typing import Final

POLL_S: Final = 0.05


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Check ``condition`` repeatedly, for at most ``timeout_s`` seconds; tell whether it held."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
