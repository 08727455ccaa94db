"""The results in memory: the first final state wins, and bytes are bounded."""

import sys
import tracemalloc
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from common.contract.messages import CANCELLED, Reply
from common.contract.timing import Timing
from common.errors import InvalidInput
from gateway.prediction_id import PredictionId, minted_ms
from gateway.reply_stream.results import ENTRY_BYTES, FORGOTTEN_AT_ONCE, LOST, Entry, Results

LIFE_S: Final = 60
BUDGET_BYTES: Final = 3 * ENTRY_BYTES


def id_of(number: int, minted_s: float) -> PredictionId:
    """Build an id as results see it: its time is in the highest bits."""
    return PredictionId(int(minted_s * 1000) << 80 | number)


def reply_of(size_bytes: int) -> Reply:
    return Reply("prediction.succeeded", b"x" * size_bytes)


def cost_bytes(reply: Reply) -> int:
    return ENTRY_BYTES + len(reply.body)


class ResultsAgainstADict(RuleBasedStateMachine):
    """The results, compared with a dict of the first final state of each id, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0
        self.results = Results(BUDGET_BYTES, LIFE_S, lambda: self.now_s)
        self.results.is_counting = True
        self.first: dict[PredictionId, tuple[Reply, int]] = {}
        self.offset = 0

    @rule(
        number=st.integers(0, 7),
        minted_s_ago=st.integers(0, LIFE_S - 1),
        size=st.integers(0, 2 * ENTRY_BYTES) | st.just(BUDGET_BYTES),
    )
    def record(self, number: int, minted_s_ago: int, size: int) -> None:
        """Record a final state of a prediction whose life goes on: others are not recorded."""
        self.record_reply(id_of(number, self.now_s - minted_s_ago), reply_of(size))

    @rule(which=st.integers(0, 100), size=st.integers(0, 100))
    def record_another_of_the_same(self, which: int, size: int) -> None:
        alive = [known for known in self.first if self.is_alive(known)]
        if alive:
            self.record_reply(alive[which % len(alive)], reply_of(size))

    def record_reply(self, prediction_id: PredictionId, reply: Reply) -> None:
        before = {known: self.results.get(known) for known in self.first}
        self.offset += 1
        if prediction_id in self.first:
            self.find_again(prediction_id, reply)
        is_first = prediction_id not in self.first
        assert self.results.record(prediction_id, reply, self.offset) == is_first
        if is_first:
            self.first[prediction_id] = (reply, self.offset)
            before[prediction_id] = reply
        self.check_dropped(before)

    def find_again(self, prediction_id: PredictionId, reply: Reply) -> None:
        """Expect the new offset of a final state whose offset was lost."""
        first, offset = self.first[prediction_id]
        kept = self.results.get(prediction_id)
        if offset == LOST and (kept == LOST or (kept == first == reply)):
            self.first[prediction_id] = (first, self.offset)

    @rule()
    def begin_another_stream(self) -> None:
        self.results.lose_offsets()
        self.first = {known: (reply, LOST) for known, (reply, _) in self.first.items()}
        self.offset = 0

    @rule(which=st.integers(0, 100))
    def find_the_same_again(self, which: int) -> None:
        alive = [known for known in self.first if self.is_alive(known)]
        if alive:
            known = alive[which % len(alive)]
            self.record_reply(known, self.first[known][0])

    def check_dropped(self, before: dict[PredictionId, Reply | int | None]) -> None:
        """Check that no more bodies were dropped than the budget requires."""
        dropped = [
            reply
            for known, reply in before.items()
            if isinstance(reply, Reply) and isinstance(self.results.get(known), int)
        ]
        if dropped:
            assert self.results.bytes_used + cost_bytes(dropped[-1]) > BUDGET_BYTES

    @rule(seconds=st.integers(1, LIFE_S))
    def wait(self, seconds: int) -> None:
        self.now_s += seconds

    def is_alive(self, prediction_id: PredictionId) -> bool:
        return self.now_s * 1000 < minted_ms(prediction_id) + LIFE_S * 1000

    @invariant()
    def the_first_final_state_of_what_is_alive_is_known(self) -> None:
        for prediction_id, (reply, offset) in self.first.items():
            found = self.results.get(prediction_id)
            assert found in (reply, offset) or (found is None and not self.is_alive(prediction_id))
            assert self.results.offset(prediction_id) == (None if found is None else offset)
            assert (prediction_id in self.results) == (found is not None)

    @invariant()
    def counts_agree_with_what_is_kept(self) -> None:
        found = [self.results.get(known) for known in self.first]
        bodies = [entry for entry in found if isinstance(entry, Reply)]
        assert self.results.bytes_used == sum(map(cost_bytes, bodies)) <= BUDGET_BYTES
        assert self.results.known_by_offset == sum(isinstance(entry, int) for entry in found)
        assert len(self.results) == len(bodies) + self.results.known_by_offset
        assert self.results.recorded["succeeded"] == len(self.first)

    @invariant()
    def what_has_no_body_is_older_than_what_has_one(self) -> None:
        found = [self.results.get(known) for known in self.first]
        kept = [isinstance(entry, Reply) for entry in found if entry is not None]
        assert kept == sorted(kept)

    def teardown(self) -> None:
        """Check that all ended predictions are removed once another one is recorded."""
        self.now_s += LIFE_S
        last = reply_of(1)
        self.results.record(id_of(99, self.now_s), last, self.offset + 1)
        assert len(self.results) == 1
        assert self.results.known_by_offset == 0
        assert self.results.bytes_used == cost_bytes(last)


TestResultsAgainstADict = ResultsAgainstADict.TestCase
TestResultsAgainstADict.settings = settings(max_examples=100, stateful_step_count=40)


def test_a_result_is_kept_for_its_life_and_not_a_millisecond_longer() -> None:
    now_s = [0.0]
    results = Results(BUDGET_BYTES, LIFE_S, lambda: now_s[0])
    one, other = id_of(1, 0), id_of(2, LIFE_S)
    results.record(one, reply_of(1), 1)
    now_s[0] = LIFE_S - 0.001
    results.record(other, reply_of(1), 2)
    assert results.get(one) == reply_of(1)
    now_s[0] = LIFE_S
    results.record(other, reply_of(1), 3)
    assert results.get(one) is None
    assert results.get(other) == reply_of(1)


def test_many_results_that_have_ended_are_removed_in_steps_that_are_bounded() -> None:
    now_s, many = [0.0], 2 * FORGOTTEN_AT_ONCE + 1
    results = Results(10**9, LIFE_S, lambda: now_s[0])
    for number in range(many):
        results.record(id_of(number, 0), reply_of(1), number)
    now_s[0] = LIFE_S
    for recorded in (1, 2, 3):
        results.record(id_of(recorded, LIFE_S), reply_of(1), many + recorded)
        assert len(results) == max(0, many - recorded * FORGOTTEN_AT_ONCE) + recorded
    assert results.known_by_offset == 0
    assert results.bytes_used == 3 * cost_bytes(reply_of(1))


def test_without_a_budget_every_result_is_known_by_its_offset() -> None:
    results = Results(0, LIFE_S, lambda: 0.0)
    for offset in range(3):
        assert results.record(id_of(offset, 0), reply_of(0), offset)
    assert [results.get(id_of(offset, 0)) for offset in range(3)] == [0, 1, 2]
    assert (results.bytes_used, results.known_by_offset) == (0, 3)


def test_a_body_that_fills_the_budget_stays_and_one_byte_more_does_not() -> None:
    exact = Results(BUDGET_BYTES, LIFE_S, lambda: 0.0)
    exact.record(id_of(1, 0), reply_of(BUDGET_BYTES - ENTRY_BYTES), 7)
    assert exact.get(id_of(1, 0)) == reply_of(BUDGET_BYTES - ENTRY_BYTES)
    over = Results(BUDGET_BYTES, LIFE_S, lambda: 0.0)
    over.record(id_of(1, 0), reply_of(BUDGET_BYTES - ENTRY_BYTES + 1), 7)
    assert over.get(id_of(1, 0)) == 7


def test_final_states_of_a_replay_are_recorded_and_not_counted() -> None:
    results = Results(BUDGET_BYTES, LIFE_S, lambda: 0.0)
    results.record(id_of(1, 0), reply_of(1), 1)
    assert results.get(id_of(1, 0)) == reply_of(1)
    assert set(results.recorded.values()) == {0}


def test_final_states_are_counted_by_state_and_once_for_each_id() -> None:
    results = Results(BUDGET_BYTES, LIFE_S, lambda: 0.0)
    results.is_counting = True
    failed = Reply.failed(InvalidInput("No."))
    states = [(1, reply_of(1)), (2, failed), (3, failed), (1, failed), (4, CANCELLED), (4, failed)]
    for number, reply in states:
        results.record(id_of(number, 0), reply, number)
    assert results.recorded == {"succeeded": 1, "failed": 2, "cancelled": 1, "dead-lettered": 0}


def test_the_timing_of_a_final_state_is_kept_with_its_body() -> None:
    results = Results(BUDGET_BYTES, LIFE_S, lambda: 0.0)
    timed = Reply("prediction.succeeded", b"x", Timing.of(2.0**40, 0.0003))
    results.record(id_of(1, 0), timed, 2**40)
    assert results.get(id_of(1, 0)) == timed
    results.lose_offsets()
    assert results.get(id_of(1, 0)) == timed
    results.record(id_of(1, 0), timed, 7)
    results.record(id_of(2, 0), reply_of(BUDGET_BYTES), 8)
    assert results.get(id_of(1, 0)) == 7


def test_the_timing_of_a_final_state_takes_a_few_bytes() -> None:
    prediction_id = id_of(1, 1.7e9)
    timed, untimed = (
        Entry.pack(prediction_id, Reply("prediction.succeeded", b"x", timing), 2**30)
        for timing in (Timing.of(3600, 1500), None)
    )
    assert sys.getsizeof(timed.packed) - sys.getsizeof(prediction_id << 64 | 2**30) <= 12
    assert sys.getsizeof(timed) == sys.getsizeof(untimed)


def test_a_result_takes_at_most_320_bytes_and_no_more_than_is_counted() -> None:
    body_bytes, count = 100, 20_000
    tracemalloc.start()
    try:
        results = Results(10**9, LIFE_S * 1000, lambda: 1.7e9)
        for offset in range(count):
            prediction_id = id_of(offset << 20, 1.7e9 + offset / 1000)
            message_type = "".join(("prediction.", "succeeded"))  # each message has its own
            body = bytes(body_bytes)
            timing = Timing.of(offset / 1000, 0.5)
            results.record(prediction_id, Reply(message_type, body, timing), 10**9 + offset)
        used_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(results) == count
    assert used_bytes / count <= 320
    assert used_bytes <= results.bytes_used


def test_another_id_with_the_same_fingerprint_gets_nothing_from_memory() -> None:
    results = Results(BUDGET_BYTES, LIFE_S, lambda: 0.0)
    one = id_of(1, 0)
    other = PredictionId(one | 1 << 52)
    results.record(one, reply_of(1), 1)
    assert (results.get(other), results.offset(other)) == (None, None)
    assert not results.record(other, reply_of(2), 2)
    assert (results.get(one), results.offset(one)) == (reply_of(1), 1)


def test_a_prediction_without_a_final_state_is_not_known() -> None:
    assert Results(BUDGET_BYTES, LIFE_S, lambda: 0.0).get(id_of(1, 0)) is None


def test_a_final_state_of_a_lost_stream_keeps_its_body_or_else_is_lost() -> None:
    results = Results(BUDGET_BYTES, LIFE_S, lambda: 0.0)
    large, small = reply_of(BUDGET_BYTES), reply_of(1)
    results.record(id_of(1, 0), large, 7)
    results.record(id_of(2, 0), small, 8)
    results.lose_offsets()
    assert [results.get(id_of(number, 0)) for number in (1, 2)] == [LOST, small]
    results.record(id_of(3, 0), large, 1)  # drops the last body
    assert [results.get(id_of(number, 0)) for number in (1, 2, 3)] == [LOST, LOST, 1]


def test_a_lost_final_state_gets_its_new_offset_from_the_next_stream() -> None:
    results = Results(BUDGET_BYTES, LIFE_S, lambda: 0.0)
    large, small = reply_of(BUDGET_BYTES), reply_of(1)
    for number, reply in ((1, large), (2, small), (3, small)):
        results.record(id_of(number, 0), reply, number)
    results.lose_offsets()
    found_again = [
        results.record(id_of(number, 0), reply, 10 + number)
        for number, reply in ((1, large), (2, small), (3, reply_of(2)))
    ]
    assert found_again == [False] * 3
    results.record(id_of(4, 0), large, 20)  # drops all bodies
    assert [results.get(id_of(number, 0)) for number in (1, 2, 3)] == [11, 12, LOST]
