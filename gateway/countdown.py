"""How much is left of a time that several waits share."""

import asyncio
from collections.abc import Callable

Countdown = Callable[[], float]
"""Tells the seconds left; 0 when they are over."""


def countdown(budget_s: float) -> Countdown:
    """A time of so many seconds that begins now, by the clock of the running loop."""
    now_s = asyncio.get_running_loop().time
    deadline_s = now_s() + budget_s
    return lambda: max(0.0, deadline_s - now_s())
