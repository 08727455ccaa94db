"""Which requests are run next, of those that the broker has handed over. No I/O.

Sync first, since its caller waits; async never less than one in ten while some waits. One
model call takes requests of one group, which is a model, from both lanes.

A request that came back ``SUSPICIOUS`` times may have ended the predictors that ran it, or may just
have been with one that did. Such suspects run alone, and only when all that ran before is answered,
so that they can harm no other; those that came back less often go first; and among equals the
order turns round each time, so that nobody stands behind the culprit every time and reaches the
delivery limit in its place.
"""

from collections import deque
from collections.abc import Collection, Sequence
from enum import Enum
from typing import Final, Generic, NamedTuple, TypeVar

SYNC_IN_A_ROW: Final = 9

SUSPICIOUS: Final = 2
"""A first time is no ground for suspicion: the connection was lost, or the broker restarted. The
delivery limit leaves two more for the order to turn round."""

OUT_PER_SLOT: Final = 16
"""How many batches may be out for each slot: one runs, the others are being answered. Bounded,
since nothing is answered while the broker takes no messages."""

T = TypeVar("T")


class Lane(Enum):
    """Whether the caller waits (sync) or comes back for the result (async)."""

    SYNC = "sync"
    ASYNC = "async"


class _Waiting(NamedTuple, Generic[T]):
    item: T
    since_s: float


class _Suspect(NamedTuple, Generic[T]):
    redeliveries: int
    rank: tuple[int, int]
    item: T


class NextBatch(NamedTuple):
    """What ``take`` would return now: how many items, and since when the oldest waits.

    For a suspect, which runs alone: since when no other suspect has come.
    """

    size: int
    since_s: float
    is_full: bool
    is_suspect: bool = False


class RunQueue(Generic[T]):
    """What waits, by group; and how many of ``slots`` run a batch of up to ``max_batch``.

    The groups named in ``one_by_one`` are not batched: of them a batch has up to ``trip`` items,
    and waits for no more. What was taken is out until it is answered. Its slot is free as soon as
    it has run, but for groups that are batched: what comes while one batch is answered makes the
    next one larger.
    Times are seconds of one monotonic clock.
    """

    def __init__(self, slots: int, max_batch: int, one_by_one: Collection[str] = ()) -> None:
        self._slots = slots
        self._max_batch = max_batch
        self._one_by_one = frozenset(one_by_one)
        self.trip = 1
        self._running = 0
        self._out = 0
        self._suspect_is_out = False
        # Groups in the order they are served: the one that was served last stands last.
        self._fresh: dict[str, dict[Lane, deque[_Waiting[T]]]] = {}
        self._suspects: list[_Suspect[T]] = []
        self._last_suspect_s = 0.0
        self._arrivals = 0
        self._sync_in_a_row = 0

    def __len__(self) -> int:
        """How many wait."""
        fresh = sum(len(lane) for lanes in self._fresh.values() for lane in lanes.values())
        return fresh + len(self._suspects)

    @property
    def running(self) -> int:
        """How many slots are in use."""
        return self._running

    @property
    def is_full(self) -> bool:
        """Whether nothing can start before ``ran`` or ``answered``."""
        return (
            self._suspect_is_out
            or self._running >= self._slots
            or self._out >= OUT_PER_SLOT * self._slots
        )

    def put(self, item: T, group: str, lane: Lane, redeliveries: int, now_s: float) -> None:
        """Add what the broker handed over."""
        self._arrivals += 1
        if redeliveries < SUSPICIOUS:
            lanes = self._fresh.setdefault(group, {lane: deque() for lane in Lane})
            lanes[lane].append(_Waiting(item, now_s))
            return
        turn = 1 if redeliveries % 2 == 0 else -1
        rank = (turn * (lane is Lane.ASYNC), turn * self._arrivals)
        self._suspects.append(_Suspect(redeliveries, rank, item))
        self._last_suspect_s = now_s

    def put_back(self, items: Sequence[T], group: str, lane: Lane, now_s: float) -> None:
        """Have what was taken, and not run, stand first again."""
        waiting = self._fresh.setdefault(group, {lane: deque() for lane in Lane})[lane]
        waiting.extendleft(_Waiting(item, now_s) for item in reversed(items))

    def next_batch(self) -> NextBatch | None:
        """What may be taken now, or None if nothing may start."""
        if self.is_full:
            return None
        if self._suspects:
            return (
                None
                if self._out
                else NextBatch(1, self._last_suspect_s, is_full=True, is_suspect=True)
            )
        group = self._next_group()
        if group is None:
            return None
        waiting = [lane for lane in self._fresh[group].values() if lane]
        limit = self._limit(group)
        size = min(limit, sum(map(len, waiting)))
        is_full = size == limit or group in self._one_by_one
        return NextBatch(size, min(lane[0].since_s for lane in waiting), is_full)

    def take(self) -> list[T]:
        """What may run now, in a slot; empty if nothing may.

        ``ran`` and then ``answered`` have to follow, once for each batch.
        """
        if self.next_batch() is None:
            return []
        if self._suspects:
            self._suspect_is_out = True
            batch = [self._take_suspect()]
        else:
            group = self._next_group()
            assert group is not None
            lanes = self._fresh.pop(group)
            batch = []
            limit = self._limit(group)
            while len(batch) < limit and (lane := self._next_lane(lanes)):
                self._sync_in_a_row = self._sync_in_a_row + 1 if lane is Lane.SYNC else 0
                batch.append(lanes[lane].popleft().item)
            self._fresh[group] = lanes
        self._running += 1
        self._out += 1
        return batch

    def ran(self, group: str) -> None:
        """A batch of ``group`` that ``take`` returned has run."""
        if not self._is_batched(group):
            self._running -= 1

    def answered(self, group: str) -> None:
        """It is done with: the broker does not hand it over again, whatever comes next."""
        if self._is_batched(group):
            self._running -= 1
        self._out -= 1
        self._suspect_is_out = False

    def clear(self) -> list[T]:
        """Remove and return all that waits."""
        waiting = [suspect.item for suspect in self._suspects]
        self._suspects.clear()
        for lanes in self._fresh.values():
            for lane in lanes.values():
                waiting.extend(item for item, _ in lane)
        self._fresh.clear()
        return waiting

    def _limit(self, group: str) -> int:
        return self.trip if group in self._one_by_one else self._max_batch

    def _is_batched(self, group: str) -> bool:
        return self._max_batch > 1 and group not in self._one_by_one

    def _take_suspect(self) -> T:
        first = min(self._suspects, key=lambda suspect: suspect[:2])
        self._suspects.remove(first)
        return first.item

    def _next_group(self) -> str | None:
        """The group whose turn it is: of those with anything in the lane whose turn it is."""
        anything: dict[Lane, str] = {}
        for group, lanes in self._fresh.items():
            for lane, waiting in lanes.items():
                if waiting:
                    anything.setdefault(lane, group)
        sync_first = Lane.SYNC in anything and not (
            Lane.ASYNC in anything and self._sync_in_a_row >= SYNC_IN_A_ROW
        )
        return anything.get(Lane.SYNC if sync_first else Lane.ASYNC)

    def _next_lane(self, lanes: dict[Lane, deque[_Waiting[T]]]) -> Lane | None:
        waiting = [lane for lane in (Lane.SYNC, Lane.ASYNC) if lanes[lane]]
        if len(waiting) > 1 and self._sync_in_a_row >= SYNC_IN_A_ROW:
            return Lane.ASYNC
        return waiting[0] if waiting else None
