"""The models of our own predictors in the benchmarks."""

import time
from typing import Any, Final

SLOW_S: Final = 0.02


def noop(_: Any) -> int:
    """Return at once, so that only the way to the model and back is measured."""
    return 0


def slow(_: Any) -> int:
    """Return after 20 ms without processor time, as a model on an accelerator does."""
    time.sleep(SLOW_S)
    return 0
