"""The prefetch and the chunks of a predictor follow the time that model calls take."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor_service.scheduling.pace import (
    FAST_S,
    INSTANT_COUNT,
    INSTANT_S,
    NOT_INSTANT_S,
    SLOW_S,
    Pace,
)

MANY: Final = 50
"""Calls enough for the mean to be about their time."""


def after(*calls_s: float, slots: int = 2, max_batch: int = 3) -> Pace:
    """Return a pace after model calls that took so many seconds each."""
    pace = Pace(slots, max_batch)
    for seconds in calls_s:
        pace.observe(seconds)
    return pace


@pytest.mark.parametrize("calls_s", [[], [SLOW_S * 2] * MANY, [600]])
def test_the_prefetch_of_a_slow_or_unknown_model_is_as_many_requests_as_can_run(
    calls_s: list[float],
) -> None:
    assert after(*calls_s).prefetch(is_full=False) == 6
    assert after(*calls_s).prefetch(is_full=True) == 0


@pytest.mark.parametrize("is_full", [True, False])
def test_the_prefetch_of_a_fast_model_is_twice_as_many_requests_as_can_run(is_full: bool) -> None:
    assert after(*[FAST_S / 2] * MANY).prefetch(is_full=is_full) == 12


@pytest.mark.parametrize(("max_batch", "count"), [(1, INSTANT_COUNT), (32, 128)])
def test_the_prefetch_of_an_instant_model_is_several_requests_more(
    max_batch: int, count: int
) -> None:
    instant = after(*[INSTANT_S / 2] * MANY, max_batch=max_batch)
    assert instant.prefetch(is_full=True) == instant.prefetch(is_full=False) == count
    for _ in range(MANY):
        instant.observe((INSTANT_S + NOT_INSTANT_S) / 2)
    assert instant.prefetch(is_full=True) == count
    for _ in range(MANY):
        instant.observe(NOT_INSTANT_S * 2)
    assert instant.prefetch(is_full=True) == 4 * max_batch


@pytest.mark.parametrize(
    ("call_s", "chunk"),
    [(0.0, INSTANT_COUNT), (INSTANT_S * 0.24, 4), (INSTANT_S * 0.7, 1), (SLOW_S, 1)],
)
def test_a_chunk_is_as_many_requests_as_the_model_runs_in_an_instant(
    call_s: float, chunk: int
) -> None:
    assert after(*[call_s] * 10 * MANY).chunk == chunk


@pytest.mark.parametrize("before_s", [FAST_S / 2, SLOW_S * 2])
def test_the_prefetch_stays_while_a_model_is_neither_fast_nor_slow(before_s: float) -> None:
    between_s = (FAST_S + SLOW_S) / 2
    before = after(*[before_s] * MANY)
    assert after(*[before_s] * MANY, *[between_s] * MANY).prefetch(is_full=True) == before.prefetch(
        is_full=True
    )


def test_the_prefetch_stays_after_one_unusual_call() -> None:
    assert after(0.0).prefetch(is_full=True) == 0
    assert after(*[FAST_S / 2] * MANY, SLOW_S).prefetch(is_full=True) == 12


def test_the_prefetch_follows_a_model_that_becomes_slow_within_a_few_calls() -> None:
    assert after(*[0.0] * MANY, *[1.0] * 5).prefetch(is_full=True) == 0


@given(st.lists(st.floats(0, 1500)), st.booleans(), st.integers(1, 8), st.integers(1, 64))
def test_the_prefetch_fills_every_free_slot_and_is_bounded(
    calls_s: list[float], is_full: bool, slots: int, max_batch: int
) -> None:
    pace = after(*calls_s, slots=slots, max_batch=max_batch)
    at_most = max(INSTANT_COUNT, 2 * slots * max_batch)
    assert slots * max_batch <= pace.prefetch(is_full=False) <= at_most
    assert pace.prefetch(is_full=is_full) <= pace.prefetch(is_full=False)
