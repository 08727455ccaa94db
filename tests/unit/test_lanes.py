"""Which request runs next: compared with plain lists, and what the order is for."""

from typing import Final, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from common.topology import DELIVERY_LIMIT
from predictor_service.lanes import Lane, Lanes

LANES: Final = st.sampled_from(Lane)
SLOTS: Final = st.integers(1, 4)


class Item(NamedTuple):
    """A request: which one, and how the broker handed it over."""

    number: int
    lane: Lane
    redeliveries: int


class LanesAgainstLists(RuleBasedStateMachine):
    """What waits and what runs, in lists in the order of arrival."""

    @initialize(slots=SLOTS)
    def begin(self, slots: int) -> None:
        self.slots = slots
        self.lanes: Lanes[Item] = Lanes(slots)
        self.waiting: list[Item] = []
        self.running: list[Item] = []
        self.arrivals = 0
        self.sync_in_a_row = 0

    @rule(lane=LANES, redeliveries=st.sampled_from([0, 0, 0, 1, 2, 3]))
    def put(self, lane: Lane, redeliveries: int) -> None:
        self.arrivals += 1
        item = Item(self.arrivals, lane, redeliveries)
        self.lanes.put(item, lane, redeliveries)
        self.waiting.append(item)

    @rule()
    def take(self) -> None:
        suspects = [item for item in self.waiting if item.redeliveries]
        alone = any(item.redeliveries for item in self.running)
        may_start = not self.running if suspects else len(self.running) < self.slots and not alone
        item = self.lanes.take()
        assert (item is not None) == bool(self.waiting and may_start)
        if item is None:
            return
        self.waiting.remove(item)
        self.running.append(item)
        if suspects:
            assert item.redeliveries == min(suspect.redeliveries for suspect in suspects)
        else:
            self.check_fresh(item)

    def check_fresh(self, item: Item) -> None:
        """In order within its lane; sync first, but for one in ten."""
        behind = [other for other in self.waiting if other.lane is item.lane]
        assert all(item.number < other.number for other in behind)
        other_lane_waits = len(behind) < len(self.waiting)
        if other_lane_waits:
            assert item.lane is (Lane.SYNC if self.sync_in_a_row < 9 else Lane.ASYNC)
        self.sync_in_a_row = self.sync_in_a_row + 1 if item.lane is Lane.SYNC else 0

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 3))
    def release(self, which: int) -> None:
        self.running.pop(which % len(self.running))
        self.lanes.release()

    @precondition(lambda self: len(self.waiting) > 3)
    @rule()
    def clear(self) -> None:
        cleared = self.lanes.clear()
        assert sorted(cleared) == sorted(self.waiting)
        self.waiting.clear()

    @invariant()
    def slots_in_use_are_what_runs(self) -> None:
        assert self.lanes.running == len(self.running) <= self.slots

    @invariant()
    def a_suspect_runs_alone(self) -> None:
        assert len(self.running) <= 1 or not any(item.redeliveries for item in self.running)

    def teardown(self) -> None:
        """What was put and not taken is all still there."""
        assert sorted(self.lanes.clear()) == sorted(self.waiting)
        assert self.lanes.clear() == []
        assert self.lanes.running == len(self.running)


TestLanesAgainstLists = LanesAgainstLists.TestCase
TestLanesAgainstLists.settings = settings(max_examples=150, stateful_step_count=40)


@given(st.lists(LANES, max_size=60), SLOTS)
def test_async_gets_one_slot_in_ten_and_sync_the_others_while_both_wait(
    arrivals: list[Lane], slots: int
) -> None:
    lanes: Lanes[Lane] = Lanes(slots)
    for lane in [*arrivals, *[Lane.SYNC] * 100, *[Lane.ASYNC] * 100]:
        lanes.put(lane, lane, 0)
    taken = []
    for _ in range(100):
        taken.append(lanes.take())
        lanes.release()
    for start in range(0, 90, 10):
        assert taken[start : start + 10] == [Lane.SYNC] * 9 + [Lane.ASYNC]


def in_turn(items: list[tuple[Lane, int]], redeliveries: int) -> list[int]:
    """The numbers of ``items`` in the order in which they run as suspects."""
    lanes: Lanes[int] = Lanes(1)
    for lane, number in items:
        lanes.put(number, lane, redeliveries)
    order = []
    while (taken := lanes.take()) is not None:
        order.append(taken)
        lanes.release()
    return order


@given(st.lists(LANES, max_size=10), st.integers(1, 5))
def test_the_order_of_suspects_turns_round_with_each_redelivery(
    lanes: list[Lane], redeliveries: int
) -> None:
    items = [(lane, number) for number, lane in enumerate(lanes)]
    once = in_turn(items, redeliveries)
    assert sorted(once) == list(range(len(lanes)))
    assert in_turn(items, redeliveries + 1) == list(reversed(once))


def test_a_suspect_of_redeliveries_even_in_number_runs_sync_first_and_in_order() -> None:
    items = [(Lane.ASYNC, 0), (Lane.SYNC, 1), (Lane.ASYNC, 2), (Lane.SYNC, 3)]
    assert in_turn(items, 2) == [1, 3, 0, 2]


@pytest.mark.parametrize("slots", [1, 2, 4])
@given(requests=st.lists(LANES, min_size=1, max_size=8), culprit=st.integers(0, 7))
def test_a_request_that_ends_its_predictor_takes_no_other_with_it(
    slots: int, requests: list[Lane], culprit: int
) -> None:
    """The broker hands all that a dead predictor held over again, as ``redeliveries`` + 1."""
    culprit %= len(requests)
    left = {number: Item(number, lane, 0) for number, lane in enumerate(requests)}
    while left:
        lanes: Lanes[Item] = Lanes(slots)
        for item in left.values():
            lanes.put(item, item.lane, item.redeliveries)
        running: list[Item] = []
        while left:
            while (taken := lanes.take()) is not None:
                running.append(taken)
            if any(item.number == culprit for item in running):
                break
            del left[running.pop(0).number]
            lanes.release()
        left = {n: item._replace(redeliveries=item.redeliveries + 1) for n, item in left.items()}
        given_up = {n for n, item in left.items() if item.redeliveries > DELIVERY_LIMIT}
        assert given_up <= {culprit}
        left = {n: item for n, item in left.items() if n not in given_up}
