"""The models of our own predictors in the benchmarks."""

import time
from typing import Any, Final

SLOW_S: Final = 0.02


def noop(_: Any) -> int:
    """A model that costs nothing, so that all that is measured is the way to it and back."""
    return 0


def slow(_: Any) -> int:
    """A model that takes 20 ms and no processor, as one on an accelerator would."""
    time.sleep(SLOW_S)
    return 0
