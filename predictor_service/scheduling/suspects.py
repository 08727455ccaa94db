"""Suspects: requests that may be poison messages, to be run alone. No I/O.

A poison message ends every predictor that runs it, until the broker's delivery limit is reached.
A request that was redelivered ``SUSPICIOUS`` times may be one, or may only have been at hand in a
predictor that ran one. Each suspect runs alone, so that it can harm no other request. Those that
were redelivered less often go first. Among equals the order is reversed with each redelivery, so
that no request stands behind the poison message every time and reaches the delivery limit in its
place.
"""

from typing import Final, Generic, NamedTuple, TypeVar

from predictor_service.scheduling.lanes import Lane

SUSPICIOUS: Final = 2
"""A first redelivery is no ground for suspicion: a connection was lost, or the broker restarted.
The delivery limit leaves two more, for the order to be reversed."""

T = TypeVar("T")


class _Suspect(NamedTuple, Generic[T]):
    redeliveries: int
    rank: tuple[int, int]
    item: T


class Suspects(Generic[T]):
    """The suspects that wait. ``last_s`` is when the latest of them came."""

    def __init__(self) -> None:
        self._suspects: list[_Suspect[T]] = []
        self._arrivals = 0
        self.last_s = 0.0

    def __len__(self) -> int:
        return len(self._suspects)

    def put(self, item: T, lane: Lane, redeliveries: int, now_s: float) -> None:
        """Add a request that was redelivered at least ``SUSPICIOUS`` times."""
        self._arrivals += 1
        sign = 1 if redeliveries % 2 == 0 else -1
        rank = (sign * (lane is Lane.ASYNC), sign * self._arrivals)
        self._suspects.append(_Suspect(redeliveries, rank, item))
        self.last_s = now_s

    def take(self) -> T:
        """Remove and return the suspect to run next; there has to be one."""
        first = min(self._suspects, key=lambda suspect: suspect[:2])
        self._suspects.remove(first)
        return first.item

    def clear(self) -> list[T]:
        """Remove and return all suspects."""
        items = [suspect.item for suspect in self._suspects]
        self._suspects.clear()
        return items
