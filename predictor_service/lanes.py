"""Which request is run next, of those that the broker has handed over. No I/O.

Sync first, since its caller waits; async never less than one slot in ten while some waits.

A request that came back before may have ended the predictor that ran it, or may just have
been with one that did. Such suspects run alone, so that they can harm no other; those that
came back less often go first; and among equals the order turns round each time, so that
nobody stands behind the culprit every time and reaches the delivery limit in its place.
"""

from collections import deque
from enum import Enum
from typing import Final, Generic, NamedTuple, TypeVar

SYNC_IN_A_ROW: Final = 9

T = TypeVar("T")


class Lane(Enum):
    """Whether the caller waits (sync) or comes back for the result (async)."""

    SYNC = "sync"
    ASYNC = "async"


class _Suspect(NamedTuple, Generic[T]):
    redeliveries: int
    rank: tuple[int, int]
    item: T


class Lanes(Generic[T]):
    """What waits, and what runs in how many of ``slots``."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._running = 0
        self._suspect_runs = False
        self._fresh: dict[Lane, deque[T]] = {lane: deque() for lane in Lane}
        self._suspects: list[_Suspect[T]] = []
        self._arrivals = 0
        self._sync_in_a_row = 0

    @property
    def running(self) -> int:
        """How many slots are in use."""
        return self._running

    def put(self, item: T, lane: Lane, redeliveries: int) -> None:
        """Add what the broker handed over."""
        self._arrivals += 1
        if not redeliveries:
            self._fresh[lane].append(item)
            return
        turn = 1 if redeliveries % 2 == 0 else -1
        rank = (turn * (lane is Lane.ASYNC), turn * self._arrivals)
        self._suspects.append(_Suspect(redeliveries, rank, item))

    def take(self) -> T | None:
        """What to run now, in a slot that ``release`` gives back; None: nothing may start."""
        if self._suspect_runs or self._running >= self._slots:
            return None
        if self._suspects:
            return None if self._running else self._take_suspect()
        lane = self._next_lane()
        if lane is None:
            return None
        self._sync_in_a_row = self._sync_in_a_row + 1 if lane is Lane.SYNC else 0
        self._running += 1
        return self._fresh[lane].popleft()

    def release(self) -> None:
        """Give back the slot of something that ``take`` returned."""
        self._running -= 1
        self._suspect_runs = False

    def clear(self) -> list[T]:
        """Remove and return all that waits."""
        waiting = [suspect.item for suspect in self._suspects]
        self._suspects.clear()
        for fresh in self._fresh.values():
            waiting.extend(fresh)
            fresh.clear()
        return waiting

    def _take_suspect(self) -> T:
        first = min(self._suspects, key=lambda suspect: suspect[:2])
        self._suspects.remove(first)
        self._suspect_runs = True
        self._running += 1
        return first.item

    def _next_lane(self) -> Lane | None:
        waiting = [lane for lane in (Lane.SYNC, Lane.ASYNC) if self._fresh[lane]]
        if len(waiting) > 1 and self._sync_in_a_row >= SYNC_IN_A_ROW:
            return Lane.ASYNC
        return waiting[0] if waiting else None
