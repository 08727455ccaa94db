"""How many requests a predictor has at hand: it follows how long model calls take."""

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
"""Calls enough for the mean to be about what they take."""


def after(*calls_s: float, slots: int = 2, max_batch: int = 3) -> Pace:
    """A pace after model calls that took so long."""
    pace = Pace(slots, max_batch)
    for seconds in calls_s:
        pace.observe(seconds)
    return pace


@pytest.mark.parametrize("calls_s", [[], [SLOW_S * 2] * MANY, [600]])
def test_while_a_model_is_slow_or_unknown_only_what_can_run_is_at_hand(
    calls_s: list[float],
) -> None:
    assert after(*calls_s).prefetch(is_full=False) == 6
    assert after(*calls_s).prefetch(is_full=True) == 0


@pytest.mark.parametrize("is_full", [True, False])
def test_while_a_model_is_fast_as_much_again_is_at_hand(is_full: bool) -> None:
    assert after(*[FAST_S / 2] * MANY).prefetch(is_full=is_full) == 12


@pytest.mark.parametrize(("max_batch", "count"), [(1, INSTANT_COUNT), (32, 128)])
def test_while_a_model_is_instant_several_more_are_at_hand(max_batch: int, count: int) -> None:
    instant = after(*[INSTANT_S / 2] * MANY, max_batch=max_batch)
    assert instant.prefetch(is_full=True) == instant.prefetch(is_full=False) == count
    for _ in range(MANY):
        instant.observe((INSTANT_S + NOT_INSTANT_S) / 2)
    assert instant.prefetch(is_full=True) == count
    for _ in range(MANY):
        instant.observe(NOT_INSTANT_S * 2)
    assert instant.prefetch(is_full=True) == 4 * max_batch


@pytest.mark.parametrize(
    ("call_s", "trip"),
    [(0.0, INSTANT_COUNT), (INSTANT_S * 0.24, 4), (INSTANT_S * 0.7, 1), (SLOW_S, 1)],
)
def test_as_many_share_a_trip_as_are_answered_in_an_instant(call_s: float, trip: int) -> None:
    assert after(*[call_s] * 10 * MANY).trip == trip


@pytest.mark.parametrize("before_s", [FAST_S / 2, SLOW_S * 2])
def test_a_model_in_between_changes_nothing(before_s: float) -> None:
    between_s = (FAST_S + SLOW_S) / 2
    before = after(*[before_s] * MANY)
    assert after(*[before_s] * MANY, *[between_s] * MANY).prefetch(is_full=True) == before.prefetch(
        is_full=True
    )


def test_one_call_out_of_the_ordinary_changes_nothing() -> None:
    assert after(0.0).prefetch(is_full=True) == 0
    assert after(*[FAST_S / 2] * MANY, SLOW_S).prefetch(is_full=True) == 12


def test_a_model_that_becomes_slow_is_noticed_within_a_few_calls() -> None:
    assert after(*[0.0] * MANY, *[1.0] * 5).prefetch(is_full=True) == 0


@given(st.lists(st.floats(0, 1500)), st.booleans(), st.integers(1, 8), st.integers(1, 64))
def test_a_free_slot_always_finds_a_batch_at_hand_and_never_many_more(
    calls_s: list[float], is_full: bool, slots: int, max_batch: int
) -> None:
    pace = after(*calls_s, slots=slots, max_batch=max_batch)
    at_most = max(INSTANT_COUNT, 2 * slots * max_batch)
    assert slots * max_batch <= pace.prefetch(is_full=False) <= at_most
    assert pace.prefetch(is_full=is_full) <= pace.prefetch(is_full=False)
