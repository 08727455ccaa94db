"""The rate limiter: the generic cell rate algorithm over a bounded table of callers. No I/O."""

from collections.abc import Callable
from typing import Final

from common.errors import RateLimited
from gateway.settings import Rate

MAX_CALLERS: Final = 100_000
"""Callers in the table; one more removes the least recent one."""

_SECOND_NS: Final = 10**9


class RateLimiter:
    """Caller → its theoretical arrival time (GCRA, ITU-T Recommendation I.371, annex A).

    A caller whose arrival time is over needs no entry, so each call removes up to two of those.
    ``now_ns`` is a monotonic clock, in nanoseconds: integers add up exactly.
    """

    def __init__(self, rate: Rate, now_ns: Callable[[], int]) -> None:
        self._count = rate.count
        self._period_ns = int(rate.period.total_seconds()) * _SECOND_NS
        self._interval_ns = self._period_ns // rate.count
        self._now_ns = now_ns
        self._arrivals_ns: dict[str, int] = {}
        """The most recent caller is last."""

    def __len__(self) -> int:
        """Return the number of callers in the table."""
        return len(self._arrivals_ns)

    def count(self, caller: str) -> None:
        """Count one call.

        Raises:
            RateLimited: the call is one too many, and is not counted.
        """
        now_ns = self._now_ns()
        used_ns = self._used_ns(caller, now_ns)
        early_ns = used_ns - (self._period_ns - self._interval_ns)
        if early_ns > 0:
            raise RateLimited(-(-early_ns // _SECOND_NS))
        self._arrivals_ns.pop(caller, None)
        self._arrivals_ns[caller] = now_ns + used_ns + self._interval_ns
        self._forget(now_ns)

    def fields(self, caller: str) -> dict[str, str]:
        """Build the ``RateLimit`` fields of a response to ``caller``; the reset is in seconds."""
        used_ns = self._used_ns(caller, self._now_ns())
        return {
            "RateLimit-Limit": str(self._count),
            "RateLimit-Remaining": str((self._period_ns - used_ns) // self._interval_ns),
            "RateLimit-Reset": str(-(-used_ns // _SECOND_NS)),
        }

    def _used_ns(self, caller: str, now_ns: int) -> int:
        """Return the part of the period that a caller has used up."""
        return max(0, self._arrivals_ns.get(caller, now_ns) - now_ns)

    def _forget(self, now_ns: int) -> None:
        for _ in range(2):
            longest_ago = next(iter(self._arrivals_ns))
            if self._arrivals_ns[longest_ago] > now_ns and len(self) <= MAX_CALLERS:
                return
            del self._arrivals_ns[longest_ago]
