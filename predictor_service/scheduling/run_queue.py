"""The queue of delivered requests, and the slots in which they run. No I/O.

A model call takes requests of one group, which is a model, from both lanes: see ``lanes.py``.
Suspects (see ``suspects.py``) go before all others, each alone: it starts when every batch before
it is answered, and no batch starts until it is answered itself.
"""

from collections.abc import Collection, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from predictor_service.scheduling.lanes import GroupLanes, Lane
from predictor_service.scheduling.suspects import SUSPICIOUS, Suspects

OUT_PER_SLOT: Final = 16
"""The bound of batches that are out for each slot: one runs, the others are being answered. While
the broker takes no messages no reply is confirmed."""

T = TypeVar("T")


class NextBatch(NamedTuple):
    """The batch that ``take`` would return now: its size, and since when its oldest item waits.

    For a suspect, which runs alone: since when no other suspect has come.
    """

    size: int
    since_s: float
    is_full: bool
    is_suspect: bool = False


class RunQueue(Generic[T]):
    """Requests that wait, and ``slots`` that each run a batch of up to ``max_batch`` of them.

    The groups named in ``one_by_one`` are not batched, since their models take one input for each
    call: up to ``chunk`` of their requests share a slot, and wait for no more to come. A batch that
    was taken is out until it is answered. Its slot is free as soon as it has run, except in groups
    that are batched: requests that come while one batch is answered make the next one larger.
    Times are seconds of one monotonic clock.
    """

    def __init__(self, slots: int, max_batch: int, one_by_one: Collection[str] = ()) -> None:
        self._slots = slots
        self._max_batch = max_batch
        self._one_by_one = frozenset(one_by_one)
        self.chunk = 1
        self._running = 0
        self._out = 0
        self._suspect_is_out = False
        self._lanes: GroupLanes[T] = GroupLanes()
        self._suspects: Suspects[T] = Suspects()

    def __len__(self) -> int:
        """Count the requests that wait."""
        return len(self._lanes) + len(self._suspects)

    @property
    def running(self) -> int:
        """The number of slots in use."""
        return self._running

    @property
    def is_full(self) -> bool:
        """True if no batch can start before ``ran`` or ``answered`` is called."""
        return (
            self._suspect_is_out
            or self._running >= self._slots
            or self._out >= OUT_PER_SLOT * self._slots
        )

    def put(self, item: T, group: str, lane: Lane, redeliveries: int, now_s: float) -> None:
        """Add a request that was delivered."""
        if redeliveries < SUSPICIOUS:
            self._lanes.put(item, group, lane, now_s)
        else:
            self._suspects.put(item, lane, redeliveries, now_s)

    def put_back(self, items: Sequence[T], group: str, lane: Lane, now_s: float) -> None:
        """Add requests that were taken and not run, before the others of their group and lane."""
        self._lanes.put_back(items, group, lane, now_s)

    def next_batch(self) -> NextBatch | None:
        """Describe the batch that may be taken now; None if there is none."""
        if self._is_blocked:
            return None
        if self._suspects:
            return NextBatch(1, self._suspects.last_s, is_full=True, is_suspect=True)
        group = self._lanes.next_group()
        if group is None:
            return None
        limit = self._limit(group)
        size = min(limit, self._lanes.count(group))
        is_full = size == limit or group in self._one_by_one
        return NextBatch(size, self._lanes.oldest_s(group), is_full)

    def take(self) -> list[T]:
        """Remove and return a batch to be run in a slot; empty if none may start.

        ``ran`` and then ``answered`` have to be called, once for each batch.
        """
        if self._is_blocked:
            return []
        if self._suspects:
            self._suspect_is_out = True
            batch = [self._suspects.take()]
        else:
            group = self._lanes.next_group()
            if group is None:
                return []
            batch = self._lanes.take(group, self._limit(group))
        self._running += 1
        self._out += 1
        return batch

    def ran(self, group: str) -> None:
        """Record that a batch of ``group`` has run."""
        if not self._is_batched(group):
            self._running -= 1

    def answered(self, group: str) -> None:
        """Record that a batch of ``group`` is answered, or that it will not be."""
        if self._is_batched(group):
            self._running -= 1
        self._out -= 1
        self._suspect_is_out = False

    def clear(self) -> list[T]:
        """Remove and return all requests that wait."""
        return self._suspects.clear() + self._lanes.clear()

    @property
    def _is_blocked(self) -> bool:
        """True if no batch can start now; a suspect waits until all batches are answered."""
        return self.is_full or (len(self._suspects) > 0 and self._out > 0)

    def _limit(self, group: str) -> int:
        return self.chunk if group in self._one_by_one else self._max_batch

    def _is_batched(self, group: str) -> bool:
        return self._max_batch > 1 and group not in self._one_by_one
