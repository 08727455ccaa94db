"""The rate limiter, on a manual clock."""

import re
from datetime import timedelta
from typing import Final

import pytest

from common.errors import RateLimited
from gateway.access import rate_limit
from gateway.access.rate_limit import RateLimiter
from gateway.settings import Rate

SECOND_NS: Final = 10**9
START_NS: Final = 123_456_789_123_456_789


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND_NS)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> RateLimiter:
    """Three calls in ten seconds."""
    return RateLimiter(Rate(3, timedelta(seconds=10)), clock)


def test_a_caller_may_make_all_calls_of_the_rate_at_once(limiter: RateLimiter) -> None:
    for remaining in (2, 1, 0):
        limiter.count("one")
        assert limiter.fields("one")["RateLimit-Remaining"] == str(remaining)
    with pytest.raises(RateLimited) as refused:
        limiter.count("one")
    assert refused.value.retry_after_s == 4  # a third of the period, rounded up


@pytest.mark.parametrize("calls", range(4))
@pytest.mark.parametrize("passed_s", [0, 0.5, 3.3, 3.4, 6.7, 9.9, 10])
def test_one_more_call_is_free_after_the_seconds_of_the_field(
    limiter: RateLimiter, clock: Clock, calls: int, passed_s: float
) -> None:
    for _ in range(min(calls, 3)):
        limiter.count("one")
    clock.advance(passed_s)
    left, wait_s = map(int, re.findall(r";[rt]=(\d+)", limiter.fields("one")["RateLimit"]))
    clock.advance(max(0, wait_s - 1))
    assert limiter.fields("one")["RateLimit-Remaining"] == str(left)
    clock.advance(min(1, wait_s))
    assert limiter.fields("one")["RateLimit-Remaining"] == str(min(3, left + 1))


def test_a_refused_caller_may_call_again_after_retry_after(
    limiter: RateLimiter, clock: Clock
) -> None:
    for _ in range(3):
        limiter.count("one")
    clock.advance(10 / 3 - 0.001)
    with pytest.raises(RateLimited) as refused:
        limiter.count("one")
    assert refused.value.retry_after_s == 1
    clock.advance(refused.value.retry_after_s)
    limiter.count("one")


def test_a_refused_call_is_not_counted(limiter: RateLimiter) -> None:
    for _ in range(3):
        limiter.count("one")
    before = limiter.fields("one")
    with pytest.raises(RateLimited):
        limiter.count("one")
    assert limiter.fields("one") == before


def test_callers_are_counted_apart(limiter: RateLimiter) -> None:
    for _ in range(3):
        limiter.count("one")
    assert limiter.fields("other") == {
        "RateLimit-Policy": '"default";q=3;w=10',
        "RateLimit": '"default";r=3;t=0',
        "RateLimit-Limit": "3",
        "RateLimit-Remaining": "3",
        "RateLimit-Reset": "0",
    }
    limiter.count("other")


def test_a_caller_is_remembered_until_its_time_is_over(limiter: RateLimiter, clock: Clock) -> None:
    limiter.count("one")
    assert limiter.fields("one")["RateLimit-Reset"] == "4"
    clock.advance(10 / 3 - 0.001)
    assert limiter.fields("one")["RateLimit-Reset"] == "1"
    clock.advance(0.002)
    assert limiter.fields("one")["RateLimit-Reset"] == "0"


def test_callers_whose_time_is_over_are_forgotten_as_others_call(clock: Clock) -> None:
    limiter = RateLimiter(Rate(1, timedelta(seconds=10)), clock)
    for number in range(1000):
        clock.advance(1)
        limiter.count(f"caller {number}")
    assert len(limiter) <= 11


def test_callers_beyond_the_limit_of_the_table_are_forgotten(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "MAX_CALLERS", 100)
    limiter = RateLimiter(Rate(10_000, timedelta(days=1)), clock)
    for number in range(1000):
        limiter.count(f"caller {number}")
        limiter.count("a caller who calls all the time")
    assert len(limiter) == 100
    assert limiter.fields("a caller who calls all the time")["RateLimit-Remaining"] == "9000"


@pytest.mark.parametrize("count", [1, 3, 7, 299_999, 700_000, 999_999_999])
def test_no_rate_grants_more_calls_than_it_says(clock: Clock, count: int) -> None:
    limiter = RateLimiter(Rate(count, timedelta(minutes=1)), clock)
    assert limiter.fields("one")["RateLimit-Remaining"] == str(count)
    for used in range(1, min(count, 10) + 1):
        limiter.count("one")
        assert limiter.fields("one")["RateLimit-Remaining"] == str(count - used)
