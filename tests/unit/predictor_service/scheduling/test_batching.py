"""The start of a batch: at once, or a moment later."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor_service.scheduling.batching import SUSPECTS_GATHER_S, Batching
from predictor_service.scheduling.lanes import Lane
from predictor_service.scheduling.run_queue import NextBatch, RunQueue
from predictor_service.scheduling.suspects import SUSPICIOUS

SECONDS: Final = st.floats(0, 1000, width=32)
SIZES: Final = st.integers(1, 64)


@given(SECONDS, SECONDS, SIZES)
def test_a_lone_request_does_not_wait_for_an_idle_model(
    window_s: float, now_s: float, max_batch: int
) -> None:
    assert (
        Batching(max_batch, window_s).wait_s(NextBatch(1, now_s, is_full=max_batch == 1), 0, now_s)
        == 0
    )


@given(SECONDS, SECONDS, SIZES, st.integers(0, 8))
def test_a_full_batch_does_not_wait(window_s: float, now_s: float, size: int, running: int) -> None:
    full = NextBatch(size, now_s, is_full=True)
    assert Batching(size, window_s).wait_s(full, running, now_s) == 0


@pytest.mark.parametrize(("size", "running"), [(1, 1), (1, 3), (2, 0), (3, 2)])
def test_a_batch_that_may_grow_waits_until_its_oldest_request_has_waited_for_the_window(
    size: int, running: int
) -> None:
    batching = Batching(4, 0.5)
    waits_s = [
        batching.wait_s(NextBatch(size, 10.0, is_full=False), running, now_s)
        for now_s in (10.0, 10.125, 10.5, 11.0)
    ]
    assert waits_s == [0.5, 0.375, 0.0, 0.0]


@given(SIZES, st.integers(0, 8), SECONDS)
def test_without_a_window_only_suspects_wait(size: int, running: int, now_s: float) -> None:
    assert Batching(64, 0).wait_s(NextBatch(size, now_s, is_full=False), running, now_s) == 0
    suspect = NextBatch(1, now_s, is_full=True, is_suspect=True)
    assert Batching(64, 0).wait_s(suspect, 0, now_s) == SUSPECTS_GATHER_S


@pytest.mark.parametrize("max_batch", [1, 4])
def test_a_suspect_waits_for_the_suspects_that_are_redelivered_with_it(max_batch: int) -> None:
    """Each arrival starts the wait again; the window of batches does not matter."""
    batching = Batching(max_batch, 60)
    run_queue: RunQueue[str] = RunQueue(1, max_batch)
    starts_s = []
    for arrival_s in (5.0, 5.0625):
        run_queue.put("suspect", "demo", Lane.SYNC, SUSPICIOUS, arrival_s)
        upcoming = run_queue.next_batch()
        assert upcoming is not None
        starts_s.append(arrival_s + batching.wait_s(upcoming, 0, arrival_s))
        assert batching.wait_s(upcoming, 0, starts_s[-1] + 0.001) == 0
    assert starts_s == [5.0 + SUSPECTS_GATHER_S, 5.0625 + SUSPECTS_GATHER_S]
