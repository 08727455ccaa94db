"""The results in memory: final states as bytes, bounded by bytes and by age. No I/O.

Memory is the cache, the stream is the store. When the budget is reached, the oldest body is dropped
and its offset kept, so that it can be read back.
"""

import math
from collections.abc import Callable
from typing import Final, Self

import msgspec

from common.contract.messages import FINAL, MessageType, Reply, state_of
from common.contract.timing import PACKED_BITS, Timing
from gateway.prediction_id import PredictionId, minted_ms
from gateway.reply_stream.indexed_queue import IndexedQueue
from gateway.reply_stream.result_index import ResultIndex

ENTRY_BYTES: Final = 260
"""Memory of one result beside its body: object headers, its place in the queue and the index."""

FORGOTTEN_AT_ONCE: Final = 200
"""Ended bodies to drop when a result is recorded: after a long pause, all would take seconds."""

LOST: Final = -1
"""The offset of a final state whose stream is lost."""

_TYPES: Final = {str(each): each.value for each in MessageType}
"""The types of final states: entries share these strings, of which each message has its own."""

_OFFSET_BITS: Final = 64
_OFFSET: Final = (1 << _OFFSET_BITS) - 1


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A final state in memory, with its id and its offset.

    ``packed`` has id, offset and timing in one integer, which takes half the memory of three.
    """

    type: str
    body: bytes
    packed: int

    @classmethod
    def pack(cls, prediction_id: PredictionId, reply: Reply, offset: int) -> Self:
        """Pack a final state; ``offset`` is not negative."""
        timing = reply.timing.pack() if reply.timing else 0
        packed = (prediction_id << _OFFSET_BITS | offset) << PACKED_BITS | timing
        return cls(_TYPES.get(reply.type, reply.type), reply.body, packed)

    @property
    def prediction_id(self) -> PredictionId:
        """The id of the prediction."""
        return PredictionId(self.packed >> _OFFSET_BITS + PACKED_BITS)

    @property
    def offset(self) -> int:
        """The offset, as it was packed."""
        return self.packed >> PACKED_BITS & _OFFSET

    @property
    def reply(self) -> Reply:
        """The final state, unpacked."""
        timing = self.packed & ((1 << PACKED_BITS) - 1)
        return Reply(self.type, self.body, Timing.unpack(timing))


class Results:
    """Prediction id → its final state, or the offset where the stream has it.

    The first final state of an id wins; later ones are ignored. An entry is removed when its
    prediction's life is over: ``life_s`` seconds after its id was minted. ``now_s`` is Unix time.

    A result in memory is in the queue, which is in the order of the stream, and the index has its
    place there. Bodies are dropped oldest first, so all results without a body are older than all
    that have one. Places are indexed as negative numbers, and offsets as they are in a count that
    goes on through one stream after the other: those of a lost stream are below ``_stream_start``.
    """

    def __init__(self, budget_bytes: int, life_s: float, now_s: Callable[[], float]) -> None:
        self._budget_bytes = budget_bytes
        self._life_ms = life_s * 1000
        self._now_s = now_s
        self._ended_ms = -1.0
        """Ids that were minted until then have ended; their offsets are no longer known."""
        self._index = ResultIndex()
        self._with_body: IndexedQueue[Entry] = IndexedQueue()
        self._oldest_ms = math.inf
        """The time at which the id of the oldest body was minted."""
        self._stream_start = 0
        self._stream_end = 0
        self.bytes_used = 0
        self.is_counting = False
        """Set once the final states that are recorded are new ones, and no replay."""
        self.recorded = {state_of(each): 0 for each in (*FINAL, MessageType.DEAD_LETTERED)}
        """New final states, by state."""

    def __len__(self) -> int:
        return len(self._with_body) + self.known_by_offset

    def __contains__(self, prediction_id: PredictionId) -> bool:
        """Return whether a final state is known, as the index says: see there how often it errs."""
        value = self._index.find(prediction_id)
        return value is not None and (value < 0 or minted_ms(prediction_id) > self._ended_ms)

    @property
    def known_by_offset(self) -> int:
        """Number of results that have to be read back from the stream."""
        return len(self._index) - len(self._with_body) - self._index.count(self._ended_ms)

    def record(self, prediction_id: PredictionId, reply: Reply, offset: int) -> bool:
        """Record a final state; return whether it was the first one of its id."""
        self._forget_ended()
        counted = self._stream_start + offset
        self._stream_end = max(self._stream_end, counted + 1)
        known = self._index.add(prediction_id, ~self._with_body.end)
        if known is not None:
            self._restore_offset(prediction_id, known, reply, counted)
            return False
        if not self._with_body:
            self._oldest_ms = minted_ms(prediction_id)
        self._with_body.append(Entry.pack(prediction_id, reply, counted))
        self.recorded[reply.state] += self.is_counting
        self.bytes_used += _cost_bytes(reply)
        while self.bytes_used > self._budget_bytes and self._with_body:
            self._drop_oldest_body()
        return True

    def get(self, prediction_id: PredictionId) -> Reply | int | None:
        """Return the final state, or the offset to read it from, or ``LOST``; None if unknown."""
        found = self._find(prediction_id)
        return found.reply if isinstance(found, Entry) else self._in_stream(found)

    def offset(self, prediction_id: PredictionId) -> int | None:
        """Return the offset of the final state, or ``LOST``; None if unknown."""
        found = self._find(prediction_id)
        return self._in_stream(found.offset if isinstance(found, Entry) else found)

    def lose_offsets(self) -> None:
        """Mark all offsets as lost, since the stream is another one; bodies stay."""
        self._stream_start = self._stream_end

    def _find(self, prediction_id: PredictionId) -> Entry | int | None:
        """Return what is in memory, or the counted offset. Memory is compared with the whole id."""
        value = self._index.find(prediction_id)
        if value is None:
            return None
        if value < 0:
            entry = self._with_body[~value]
            return entry if entry.prediction_id == prediction_id else None
        return value if minted_ms(prediction_id) > self._ended_ms else None

    def _in_stream(self, counted: int | None) -> int | None:
        if counted is None:
            return None
        return counted - self._stream_start if counted >= self._stream_start else LOST

    def _restore_offset(
        self, prediction_id: PredictionId, known: int, reply: Reply, counted: int
    ) -> None:
        """Record the new offset of a final state whose offset was lost."""
        if known >= 0:
            if known < self._stream_start:
                self._index.replace(prediction_id, counted)
            return
        lost = self._with_body[~known]
        if lost.offset >= self._stream_start or lost.prediction_id != prediction_id:
            return
        if lost.reply == reply:
            self._with_body[~known] = Entry.pack(prediction_id, reply, counted)

    def _drop_oldest_body(self) -> None:
        oldest = self._with_body.popleft()
        self._index.replace(oldest.prediction_id, oldest.offset)
        self.bytes_used -= _cost_bytes(oldest)
        self._oldest_ms = (
            minted_ms(self._with_body.oldest.prediction_id) if self._with_body else math.inf
        )

    def _forget_ended(self) -> None:
        self._ended_ms = self._now_s() * 1000 - self._life_ms
        if self._oldest_ms <= self._ended_ms:
            for _ in range(FORGOTTEN_AT_ONCE):
                self._drop_oldest_body()
                if self._oldest_ms > self._ended_ms:
                    break
        self._index.drop(self._ended_ms)


def _cost_bytes(state: Reply | Entry) -> int:
    return ENTRY_BYTES + len(state.body)
