"""A bounded wait for an event in another process."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.02


async def until(
    holds: Callable[[], Awaitable[bool]],
    what: Callable[[], str],
    timeout_s: float = TIMEOUT_S,
    poll_s: float = POLL_S,
) -> None:
    """Poll until ``holds``; an AssertionError that says ``what`` after ``timeout_s`` seconds.

    Asks every ``poll_s`` seconds: less often where the answer is long in coming.
    """
    deadline = time.monotonic() + timeout_s
    while not await holds():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what()}"
        await asyncio.sleep(poll_s)
