"""Calls that are in the middle of things, for a fault to befall them."""

import asyncio

from tests.faults.ledger import Call
from tests.faults.trial import Trial


async def calls_under_way(trial: Trial, count: int = 8) -> list[asyncio.Task[Call]]:
    """Start ``count`` calls of either kind.

    Returns the sync ones when the first has its answer, and the others wait for theirs.
    """
    trial.start(count, is_async=True, sleep_s=0.1)
    calls = trial.start(count, sleep_s=0.5)
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    return calls
