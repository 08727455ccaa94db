"""Requests that wait in two lanes, and the order in which they are served. No I/O.

Sync requests go first, since their callers wait; async ones get no less than one place in ten
while both wait. Groups, of which each model is one, take turns.
"""

from collections import deque
from collections.abc import Sequence
from enum import Enum
from typing import Final, Generic, NamedTuple, TypeVar

SYNC_IN_A_ROW: Final = 9

T = TypeVar("T")


class Lane(Enum):
    """The lane of a request: its caller waits (sync) or comes back for the result (async)."""

    SYNC = "sync"
    ASYNC = "async"


class _Waiting(NamedTuple, Generic[T]):
    item: T
    since_s: float


_Lanes = dict[Lane, deque[_Waiting[T]]]


class GroupLanes(Generic[T]):
    """Two lanes for each group.

    Times are seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        # In the order in which groups are served: the one that was served last stands last.
        self._groups: dict[str, _Lanes[T]] = {}
        self._sync_in_a_row = 0

    def __len__(self) -> int:
        """Count the items that wait."""
        return sum(len(lane) for lanes in self._groups.values() for lane in lanes.values())

    def put(self, item: T, group: str, lane: Lane, now_s: float) -> None:
        """Add an item behind the others of its group and lane."""
        self._lanes(group)[lane].append(_Waiting(item, now_s))

    def put_back(self, items: Sequence[T], group: str, lane: Lane, now_s: float) -> None:
        """Add items before the others of their group and lane, in their order."""
        self._lanes(group)[lane].extendleft(_Waiting(item, now_s) for item in reversed(items))

    def next_group(self) -> str | None:
        """Return the group to serve next: the first with an item in the lane to serve next."""
        first: dict[Lane, str] = {}
        for group, lanes in self._groups.items():
            for lane, waiting in lanes.items():
                if waiting:
                    first.setdefault(lane, group)
        lane = self._next_lane(Lane.SYNC in first, Lane.ASYNC in first)
        return first.get(lane)

    def count(self, group: str) -> int:
        """Count the items of ``group``, which has some."""
        return sum(map(len, self._groups[group].values()))

    def oldest_s(self, group: str) -> float:
        """Return since when the oldest item of ``group``, which has some, has waited."""
        return min(lane[0].since_s for lane in self._groups[group].values() if lane)

    def take(self, group: str, limit: int) -> list[T]:
        """Remove up to ``limit`` items of ``group`` from both lanes; its next turn comes last."""
        lanes = self._groups.pop(group)
        sync, async_ = lanes[Lane.SYNC], lanes[Lane.ASYNC]
        items: list[T] = []
        while len(items) < limit and (sync or async_):
            lane = self._next_lane(bool(sync), bool(async_))
            self._sync_in_a_row = self._sync_in_a_row + 1 if lane is Lane.SYNC else 0
            items.append(lanes[lane].popleft().item)
        self._groups[group] = lanes
        return items

    def clear(self) -> list[T]:
        """Remove and return all items."""
        lanes = [lane for group in self._groups.values() for lane in group.values()]
        self._groups.clear()
        return [item for lane in lanes for item, _ in lane]

    def _lanes(self, group: str) -> _Lanes[T]:
        lanes = self._groups.get(group)
        if lanes is None:
            lanes = self._groups[group] = {lane: deque() for lane in Lane}
        return lanes

    def _next_lane(self, any_sync: bool, any_async: bool) -> Lane:
        """Choose between lanes; with nothing in either of them the choice means nothing."""
        sync_first = any_sync and not (any_async and self._sync_in_a_row >= SYNC_IN_A_ROW)
        return Lane.SYNC if sync_first else Lane.ASYNC
