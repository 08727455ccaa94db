"""Calls that are under way when a fault begins."""

import asyncio
from typing import Final

from tests.faults.harness.trial import Trial

OF_EITHER_KIND: Final = 8


async def calls_under_way(trial: Trial) -> None:
    """Start sync and async calls; returns at the first response to a sync one.

    The others wait for theirs.
    """
    trial.start(OF_EITHER_KIND, is_async=True, sleep_s=0.1)
    calls = trial.start(OF_EITHER_KIND, sleep_s=0.5)
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
