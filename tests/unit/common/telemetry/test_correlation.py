"""The correlation id of a call."""

import asyncio
from uuid import UUID

from common.telemetry.correlation import correlate, correlation_id, known_correlation_id


async def test_a_call_gets_an_id_when_it_is_first_needed_and_keeps_it() -> None:
    assert known_correlation_id() == ""
    first = correlation_id()
    assert str(UUID(first)) == first
    assert correlation_id() == known_correlation_id() == first


async def test_a_prediction_has_its_own_id() -> None:
    correlate("of a prediction")
    assert correlation_id() == "of a prediction"


async def test_concurrent_calls_share_no_id() -> None:
    async def call() -> str:
        made = correlation_id()
        await asyncio.sleep(0)
        assert correlation_id() == made
        return made

    assert len(set(await asyncio.gather(*(call() for _ in range(10))))) == 10
    assert known_correlation_id() == ""
