"""The purposes of the order of requests: none starves, and a poison message harms no other."""

from typing import Final, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.contract.topology import DELIVERY_LIMIT
from predictor_service.scheduling.lanes import Lane
from predictor_service.scheduling.run_queue import OUT_PER_SLOT, RunQueue
from predictor_service.scheduling.suspects import SUSPICIOUS

LANES: Final = st.sampled_from(Lane)
MODELS: Final = st.sampled_from("ab")


class Item(NamedTuple):
    """A request: its number, its model, and how it was delivered."""

    number: int
    model: str
    lane: Lane
    redeliveries: int = 0


@given(
    st.lists(st.tuples(MODELS, LANES), max_size=60),
    st.integers(1, 4),
    st.integers(1, 12),
    st.sampled_from(["a", "ab"]),
)
def test_async_requests_get_one_place_in_ten_while_both_lanes_wait(
    arrivals: list[tuple[str, Lane]], slots: int, max_batch: int, models: str
) -> None:
    run_queue: RunQueue[Lane] = RunQueue(slots, max_batch)
    saturated = [(model, lane) for model in models for lane in Lane for _ in range(100)]
    for model, lane in [*arrivals, *saturated]:
        run_queue.put(lane, models[0] if model not in models else model, lane, 0, 0.0)
    taken: list[Lane] = []
    while len(taken) < 90:
        taken += run_queue.take()
        run_queue.ran("a")
        run_queue.answered("a")
    for start in range(0, 90, 10):
        assert taken[start : start + 10] == [Lane.SYNC] * 9 + [Lane.ASYNC]


@given(st.integers(1, 12))
def test_async_requests_of_one_model_do_not_starve_behind_sync_requests_of_another(
    max_batch: int,
) -> None:
    run_queue: RunQueue[Lane] = RunQueue(1, max_batch)
    for _ in range(200):
        run_queue.put(Lane.SYNC, "a", Lane.SYNC, 0, 0.0)
        run_queue.put(Lane.ASYNC, "b", Lane.ASYNC, 0, 0.0)
    sync_in_a_row = 0
    for _ in range(15):
        batch = run_queue.take()
        run_queue.ran("a")
        run_queue.answered("a")
        assert batch == [batch[0]] * max_batch
        if batch[0] is Lane.ASYNC:
            assert sync_in_a_row < 9 + max_batch
            sync_in_a_row = 0
        else:
            assert sync_in_a_row < 9
            sync_in_a_row += len(batch)


def test_models_take_turns() -> None:
    run_queue: RunQueue[str] = RunQueue(1, 2)
    for name in ["a1", "a2", "a3", "a4", "b1", "c1", "b2", "b3"]:
        run_queue.put(name, name[0], Lane.SYNC, 0, 0.0)
    batches = []
    while batch := run_queue.take():
        batches.append(batch)
        run_queue.ran("a")
        run_queue.answered("a")
    assert batches == [["a1", "a2"], ["b1", "b2"], ["c1"], ["a3", "a4"], ["b3"]]


def in_turn(items: list[tuple[str, Lane, int]], redeliveries: int) -> list[int]:
    """Return the numbers of ``items`` in the order in which they run as suspects."""
    run_queue: RunQueue[int] = RunQueue(4, 4)
    for model, lane, number in items:
        run_queue.put(number, model, lane, redeliveries, 0.0)
    order = []
    while batch := run_queue.take():
        assert run_queue.is_full
        assert run_queue.take() == []
        order += batch
        run_queue.ran("a")
        run_queue.answered("a")
    return order


@given(st.lists(st.tuples(MODELS, LANES), max_size=10), st.integers(SUSPICIOUS, 5))
def test_the_order_of_suspects_is_reversed_with_each_redelivery(
    requests: list[tuple[str, Lane]], redeliveries: int
) -> None:
    items = [(model, lane, number) for number, (model, lane) in enumerate(requests)]
    once = in_turn(items, redeliveries)
    assert sorted(once) == list(range(len(requests)))
    assert in_turn(items, redeliveries + 1) == list(reversed(once))


def test_suspects_with_an_even_number_of_redeliveries_run_sync_first_and_in_order() -> None:
    lanes = [Lane.ASYNC, Lane.SYNC, Lane.ASYNC, Lane.SYNC]
    assert in_turn([("ab"[n % 2], lane, n) for n, lane in enumerate(lanes)], 2) == [1, 3, 0, 2]


def test_a_suspect_runs_alone_once_every_batch_before_it_is_answered() -> None:
    run_queue: RunQueue[str] = RunQueue(3, 3)
    run_queue.put("fresh", "a", Lane.SYNC, 0, 1.0)
    assert run_queue.take() == ["fresh"]
    run_queue.put("suspect", "a", Lane.SYNC, SUSPICIOUS, 2.0)
    run_queue.put("later", "a", Lane.SYNC, 0, 3.0)
    assert run_queue.next_batch() is None
    assert run_queue.take() == []
    run_queue.ran("a")
    assert run_queue.take() == []
    run_queue.answered("a")
    assert run_queue.take() == ["suspect"]
    assert run_queue.next_batch() is None
    run_queue.ran("a")
    assert run_queue.next_batch() is None
    run_queue.answered("a")
    assert run_queue.take() == ["later"]


@pytest.mark.parametrize("max_batch", [1, 2, 3, 4])
@pytest.mark.parametrize("slots", [1, 2, 4])
@given(
    requests=st.lists(st.tuples(MODELS, LANES), min_size=1, max_size=8), poison=st.integers(0, 7)
)
@settings(max_examples=50)
def test_a_poison_message_takes_no_other_request_with_it(
    slots: int, max_batch: int, requests: list[tuple[str, Lane]], poison: int
) -> None:
    """The broker redelivers all that a dead predictor held, with one redelivery more."""
    poison %= len(requests)
    left = {number: Item(number, model, lane) for number, (model, lane) in enumerate(requests)}
    while left:
        run_queue: RunQueue[Item] = RunQueue(slots, max_batch)
        for item in left.values():
            run_queue.put(item, item.model, item.lane, item.redeliveries, 0.0)
        running: list[list[Item]] = []
        while left:
            while batch := run_queue.take():
                running.append(batch)
            together = [item for batch in running for item in batch]
            assert len(together) == 1 or not any(
                item.redeliveries >= SUSPICIOUS for item in together
            )
            if any(item.number == poison for item in together):
                break
            for item in running.pop(0):
                del left[item.number]
            run_queue.ran("a")
            run_queue.answered("a")
        left = {n: item._replace(redeliveries=item.redeliveries + 1) for n, item in left.items()}
        given_up = {n for n, item in left.items() if item.redeliveries > DELIVERY_LIMIT}
        assert given_up <= {poison}
        left = {n: item for n, item in left.items() if n not in given_up}


def test_batches_that_are_out_are_bounded() -> None:
    run_queue: RunQueue[int] = RunQueue(2, 1)
    for number in range(100):
        run_queue.put(number, "a", Lane.SYNC, 0, 0.0)
    taken = 0
    while run_queue.take():
        run_queue.ran("a")
        taken += 1
    assert taken == 2 * OUT_PER_SLOT
    run_queue.answered("a")
    assert run_queue.take() == [taken]
