"""Restarts of a process that ends before it is told to, after pauses that grow."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Final

PAUSE_MIN_S: Final = 0.5
PAUSE_MAX_S: Final = 10.0
STEADY_S: Final = 30
"""A process that has run for so long has not failed at its start: the pauses begin anew."""


class RestartPauses:
    """The pauses before the restarts of one process: each is twice the last, up to a bound."""

    def __init__(self) -> None:
        self._next_s = PAUSE_MIN_S

    def after(self, ran_s: float) -> float:
        """Return the pause, in seconds, after a run of ``ran_s`` seconds."""
        pause_s = PAUSE_MIN_S if ran_s > STEADY_S else self._next_s
        self._next_s = min(2 * pause_s, PAUSE_MAX_S)
        return pause_s


async def keep_running(
    run_once: Callable[[], Awaitable[int]],
    stopping: asyncio.Event,
    *,
    is_final: Callable[[int], bool],
    on_restart: Callable[[str, float], None],
) -> int:
    """Run a process with ``run_once``, again and again, until ``stopping`` is set.

    ``run_once`` returns the exit code of one run; an ``is_final`` one is not followed by another
    run. ``on_restart`` gets how the process has ended, and the pause in seconds. Returns the last
    exit code.
    """
    pauses = RestartPauses()
    while True:
        started_s = time.monotonic()
        code = await run_once()
        if stopping.is_set() or is_final(code):
            return code
        pause_s = pauses.after(time.monotonic() - started_s)
        on_restart(describe_ending(code), pause_s)
        if await happens(stopping, pause_s):
            return code


def describe_ending(code: int) -> str:
    """Return an exit code in words; a negative one is the number of a signal."""
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


async def happens(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for ``event``, at most ``timeout_s`` seconds; return whether it is set."""
    try:
        async with asyncio.timeout(timeout_s):
            return await event.wait()
    except TimeoutError:
        return False
