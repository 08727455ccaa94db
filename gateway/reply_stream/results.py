"""The results in memory: final states as bytes, bounded by bytes and by age. No I/O.

Memory is the cache, the stream is the store. When the budget is reached, the oldest body is dropped
and its offset kept, so that it can be read back.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, Self

import msgspec

from common.contract.messages import FINAL, MessageType, Reply, state_of
from common.contract.timing import PACKED_BITS, Timing
from gateway.prediction_id import PredictionId, minted_ms

ENTRY_BYTES: Final = 400
"""Memory of one result beside its body: keys, table slots, object headers."""

LOST: Final = -1
"""The offset of a final state whose stream is lost."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A final state in memory, with its offset in the stream.

    ``offset_and_timing`` packs both into one integer, which takes a third of the memory of two.
    """

    type: str
    body: bytes
    offset_and_timing: int

    @classmethod
    def pack(cls, reply: Reply, offset: int) -> Self:
        """Pack a final state."""
        timing = reply.timing.pack() if reply.timing else 0
        return cls(reply.type, reply.body, offset << PACKED_BITS | timing)

    @property
    def offset(self) -> int:
        """The offset in the stream, or ``LOST``."""
        return self.offset_and_timing >> PACKED_BITS

    @property
    def reply(self) -> Reply:
        """The final state, unpacked."""
        timing = self.offset_and_timing & ((1 << PACKED_BITS) - 1)
        return Reply(self.type, self.body, Timing.unpack(timing))


class Results:
    """Prediction id → its final state, or the offset where the stream has it.

    The first final state of an id wins; later ones are ignored. An entry is removed when its
    prediction's life is over: ``life_s`` seconds after its id was minted. ``now_s`` is Unix time.
    """

    def __init__(self, budget_bytes: int, life_s: float, now_s: Callable[[], float]) -> None:
        self._budget_bytes = budget_bytes
        self._life_ms = life_s * 1000
        self._now_s = now_s
        self._entries: dict[PredictionId, Entry | int] = {}
        # Two queues, each in the order of the stream. Bodies are dropped oldest first, so all
        # entries without a body are older than all that have one.
        self._offset_only: deque[PredictionId] = deque()
        self._with_body: deque[PredictionId] = deque()
        self.bytes_used = 0
        self.recorded = {state_of(each): 0 for each in (*FINAL, MessageType.DEAD_LETTERED)}
        """Final states recorded since the start, by state."""

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, prediction_id: PredictionId) -> bool:
        """Return whether a final state is known."""
        return prediction_id in self._entries

    @property
    def known_by_offset(self) -> int:
        """Number of results that have to be read back from the stream."""
        return len(self._offset_only)

    def record(self, prediction_id: PredictionId, reply: Reply, offset: int) -> bool:
        """Record a final state; return whether it was the first one of its id."""
        self._forget_ended()
        known = self._entries.get(prediction_id)
        if known is not None:
            self._restore_offset(prediction_id, known, reply, offset)
            return False
        self._entries[prediction_id] = Entry.pack(reply, offset)
        self._with_body.append(prediction_id)
        self.recorded[reply.state] += 1
        self.bytes_used += _cost_bytes(reply)
        while self.bytes_used > self._budget_bytes and self._with_body:
            self._drop_oldest_body()
        return True

    def get(self, prediction_id: PredictionId) -> Reply | int | None:
        """Return the final state, or the offset to read it from, or ``LOST``; None if unknown."""
        entry = self._entries.get(prediction_id)
        return entry.reply if isinstance(entry, Entry) else entry

    def offset(self, prediction_id: PredictionId) -> int | None:
        """Return the offset of the final state, or ``LOST``; None if unknown."""
        entry = self._entries.get(prediction_id)
        return entry.offset if isinstance(entry, Entry) else entry

    def lose_offsets(self) -> None:
        """Mark all offsets as lost, since the stream is another one; bodies stay."""
        for prediction_id, entry in self._entries.items():
            self._entries[prediction_id] = (
                Entry.pack(entry.reply, LOST) if isinstance(entry, Entry) else LOST
            )

    def _restore_offset(
        self, prediction_id: PredictionId, known: Entry | int, reply: Reply, offset: int
    ) -> None:
        """Record the new offset of a final state whose offset was lost."""
        if known == LOST:
            self._entries[prediction_id] = offset
        elif isinstance(known, Entry) and known.offset == LOST and known.reply == reply:
            self._entries[prediction_id] = Entry.pack(reply, offset)

    def _drop_oldest_body(self) -> None:
        oldest = self._with_body.popleft()
        kept = self._entries[oldest]
        assert isinstance(kept, Entry)
        self._entries[oldest] = kept.offset
        self._offset_only.append(oldest)
        self.bytes_used -= _cost_bytes(kept)

    def _forget_ended(self) -> None:
        ended_ms = self._now_s() * 1000 - self._life_ms
        for order in (self._offset_only, self._with_body):
            while order and minted_ms(order[0]) <= ended_ms:
                entry = self._entries.pop(order.popleft())
                if isinstance(entry, Entry):
                    self.bytes_used -= _cost_bytes(entry)


def _cost_bytes(state: Reply | Entry) -> int:
    return ENTRY_BYTES + len(state.body)
