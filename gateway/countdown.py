"""A time budget that several waits share."""

import asyncio
from collections.abc import Callable

Countdown = Callable[[], float]
"""A function that returns the seconds left of a budget; 0 when it is used up."""


def countdown(budget_s: float) -> Countdown:
    """Start a budget of ``budget_s`` seconds, by the clock of the running loop."""
    now_s = asyncio.get_running_loop().time
    deadline_s = now_s() + budget_s
    return lambda: max(0.0, deadline_s - now_s())
