"""The run queue compared with plain lists."""

from typing import Final, NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from predictor_service.scheduling.lanes import Lane
from predictor_service.scheduling.run_queue import OUT_PER_SLOT, NextBatch, RunQueue
from predictor_service.scheduling.suspects import SUSPICIOUS

LANES: Final = st.sampled_from(Lane)
GROUPS: Final = st.sampled_from("abc")
SLOTS: Final = st.integers(1, 4)
BATCHES: Final = st.integers(1, 4)
BEFORE_ALL_S: Final = 0.0


class Item(NamedTuple):
    """A request: its number, its model, how it was delivered, and when."""

    number: int
    group: str
    lane: Lane
    redeliveries: int
    since_s: float = 0.0


def is_suspect(item: Item) -> bool:
    """Return whether a request was redelivered too often."""
    return item.redeliveries >= SUSPICIOUS


class RunQueueAgainstLists(RuleBasedStateMachine):
    """The requests that wait and those that run, in lists in the order of arrival."""

    @initialize(slots=SLOTS, max_batch=BATCHES, single=GROUPS)
    def begin(self, slots: int, max_batch: int, single: str) -> None:
        self.slots, self.max_batch, self.single = slots, max_batch, single
        self.run_queue: RunQueue[Item] = RunQueue(slots, max_batch, one_by_one=[single])
        self.waiting: list[Item] = []
        self.running: list[list[Item]] = []
        self.run: list[list[Item]] = []
        self.turns: list[str] = []
        self.since_s: dict[int, float] = {}
        self.arrivals = 0
        self.sync_in_a_row = 0
        self.last_suspect_s = 0.0

    @rule(group=GROUPS, lane=LANES, redeliveries=st.sampled_from([0, 0, 0, 0, 1, 2, 3]))
    def put(self, group: str, lane: Lane, redeliveries: int) -> None:
        self.arrivals += 1
        item = Item(self.arrivals, group, lane, redeliveries, self.arrivals / 8)
        self.run_queue.put(item, group, lane, redeliveries, item.since_s)
        self.since_s[item.number] = item.since_s
        self.waiting.append(item)
        if redeliveries >= SUSPICIOUS:
            self.last_suspect_s = item.since_s
        elif group not in self.turns:
            self.turns.append(group)

    @rule(chunk=BATCHES)
    def change_pace(self, chunk: int) -> None:
        self.run_queue.chunk = chunk

    @rule()
    def take(self) -> None:
        suspects = [item for item in self.waiting if is_suspect(item)]
        may_start = not (self.running or self.run) if suspects else not self.run_queue.is_full
        upcoming, batch = self.run_queue.next_batch(), self.run_queue.take()
        assert bool(batch) == (upcoming is not None) == bool(self.waiting and may_start)
        if upcoming is None:
            return
        self.running.append(batch)
        if suspects:
            assert upcoming == NextBatch(1, self.last_suspect_s, is_full=True, is_suspect=True)
            (item,) = batch
            self.waiting.remove(item)
            assert item.redeliveries == min(suspect.redeliveries for suspect in suspects)
        else:
            group = batch[0].group
            candidates = [item for item in self.waiting if item.group == group]
            limit = self.limit(group)
            size = min(limit, len(candidates))
            since_s = min(self.since_s[item.number] for item in candidates)
            is_full = size == limit or group == self.single
            assert upcoming == NextBatch(size, since_s, is_full)
            assert len(batch) == size
            self.check_turn(batch[0])
            for item in batch:
                self.check_fresh(item, group)

    def check_turn(self, first: Item) -> None:
        """Check the lane of the next request, and that its model was served longest ago."""
        if len({item.lane for item in self.waiting}) > 1:
            assert first.lane is (Lane.SYNC if self.sync_in_a_row < 9 else Lane.ASYNC)
        could = {item.group for item in self.waiting if item.lane is first.lane}
        assert first.group == next(group for group in self.turns if group in could)
        self.turns.remove(first.group)
        self.turns.append(first.group)

    def check_fresh(self, item: Item, group: str) -> None:
        """Check the order in a lane, the place in ten for async, and that a batch has one model."""
        assert item.group == group
        self.waiting.remove(item)
        others = [other for other in self.waiting if other.group == group]
        behind = [other for other in others if other.lane is item.lane]
        assert all(item.number < other.number for other in behind)
        if len(behind) < len(others):
            assert item.lane is (Lane.SYNC if self.sync_in_a_row < 9 else Lane.ASYNC)
        self.sync_in_a_row = self.sync_in_a_row + 1 if item.lane is Lane.SYNC else 0

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 3), run=st.integers(1, 4))
    def ran(self, which: int, run: int) -> None:
        """End a batch, or the first of its requests: the others wait again, as before."""
        batch = self.running.pop(which % len(self.running))
        group, rest = batch[0].group, batch[run:]
        for lane in Lane:
            items = [item for item in rest if item.lane is lane]
            if items:
                self.run_queue.put_back(items, group, lane, BEFORE_ALL_S)
        self.since_s |= {item.number: BEFORE_ALL_S for item in rest}
        self.waiting = sorted([*self.waiting, *rest], key=lambda item: item.number)
        if rest and group not in self.turns:
            self.turns.append(group)
        self.run.append(batch[:run])
        self.run_queue.ran(group)

    @precondition(lambda self: self.run)
    @rule(which=st.integers(0, 3))
    def answered(self, which: int) -> None:
        batch = self.run.pop(which % len(self.run))
        self.run_queue.answered(batch[0].group)

    @precondition(lambda self: len(self.waiting) > 5)
    @rule()
    def clear(self) -> None:
        cleared = self.run_queue.clear()
        assert sorted(cleared, key=lambda item: item.number) == self.waiting
        self.waiting.clear()
        self.turns.clear()

    def in_slots(self) -> int:
        """Count the batches that run, and those being answered if their group is batched."""
        answering = [batch for batch in self.run if self.is_batched(batch[0].group)]
        return len(self.running) + len(answering)

    def is_batched(self, group: str) -> bool:
        """Return whether one model call takes several requests of a group."""
        return self.max_batch > 1 and group != self.single

    def limit(self, group: str) -> int:
        """Return how many requests of a group run together."""
        return self.run_queue.chunk if group == self.single else self.max_batch

    @invariant()
    def slots_in_use_are_what_runs(self) -> None:
        assert self.run_queue.running == self.in_slots() <= self.slots
        out = self.running + self.run
        alone = any(is_suspect(item) for batch in out for item in batch)
        too_many = len(out) == OUT_PER_SLOT * self.slots
        assert self.run_queue.is_full == (alone or too_many or self.in_slots() == self.slots)

    @invariant()
    def a_suspect_is_out_alone(self) -> None:
        items = [item for batch in self.running + self.run for item in batch]
        assert len(items) <= 1 or not any(is_suspect(item) for item in items)

    def teardown(self) -> None:
        """Check that all requests that were put and not taken are still there."""
        assert sorted(self.run_queue.clear(), key=lambda item: item.number) == self.waiting
        assert self.run_queue.clear() == []
        assert self.run_queue.running == self.in_slots()


TestRunQueueAgainstLists = RunQueueAgainstLists.TestCase
TestRunQueueAgainstLists.settings = settings(max_examples=100, stateful_step_count=40)
