"""What the rate limiter remembers of callers."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.access import rate_limit
from gateway.access.rate_limit import RecentCallers

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


async def test_a_caller_is_remembered_until_its_time_and_the_default_counts_for_others() -> None:
    store = RecentCallers(Clock())
    await store.set("one", NOW + timedelta(seconds=5))
    assert await store.get("one", NOW) == NOW + timedelta(seconds=5)
    assert await store.get("other", NOW) == NOW


async def test_callers_whose_time_is_over_are_forgotten_as_others_call() -> None:
    clock = Clock()
    store = RecentCallers(clock)
    for number in range(1000):
        clock.now += timedelta(seconds=1)
        await store.set(f"caller {number}", clock.now + timedelta(seconds=10))
    assert len(store) <= 11


async def test_no_more_callers_are_remembered_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate_limit, "MAX_CALLERS", 100)
    store = RecentCallers(Clock())
    until = NOW + timedelta(days=1)
    for number in range(1000):
        await store.set(f"caller {number}", until)
        await store.set("who calls all the time", until)
    assert len(store) == 100
    assert await store.get("who calls all the time", NOW) == until
