"""The rate limiter: the generic cell rate algorithm over a bounded table of callers. No I/O."""

from collections.abc import Callable
from typing import Final

from common.errors import RateLimited
from gateway.settings import Rate

MAX_CALLERS: Final = 100_000
"""Callers that are remembered; beyond that, the least recent one is forgotten."""

FIELDS: Final = (
    "RateLimit-Policy",
    "RateLimit",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
)
"""The fields of responses: the first two as draft-ietf-httpapi-ratelimit-headers-10 defines them,
the others as the drafts before it did."""

_SECOND_NS: Final = 10**9


class RateLimiter:
    """Caller → its theoretical arrival time (GCRA, ITU-T Recommendation I.371, annex A).

    A caller whose time is over is as good as unknown, so each call forgets up to two of those.
    ``now_ns`` is a monotonic clock, in nanoseconds. Times are kept in ticks, of which a nanosecond
    has as many as a period has calls: then each call uses up a whole number of them.
    """

    def __init__(self, rate: Rate, now_ns: Callable[[], int]) -> None:
        self._calls = rate.count
        self._call_ticks = int(rate.period.total_seconds()) * _SECOND_NS
        self._second_ticks = _SECOND_NS * rate.count
        self._now_ns = now_ns
        self._arrivals_ticks: dict[str, int] = {}
        """The most recent caller is last."""

    def __len__(self) -> int:
        """Number of callers that are remembered."""
        return len(self._arrivals_ticks)

    def count(self, caller: str) -> None:
        """Count one call.

        Raises:
            RateLimited: it is one too many; it is not counted.
        """
        now_ticks = self._now_ticks()
        used_ticks = self._used_ticks(caller, now_ticks)
        early_ticks = used_ticks - (self._calls - 1) * self._call_ticks
        if early_ticks > 0:
            raise RateLimited(self._seconds(early_ticks))
        self._arrivals_ticks.pop(caller, None)
        self._arrivals_ticks[caller] = now_ticks + used_ticks + self._call_ticks
        self._forget(now_ticks)

    def fields(self, caller: str) -> dict[str, str]:
        """Return the ``FIELDS`` of a response to ``caller``.

        ``t`` of ``RateLimit`` is the seconds until one more call is free, as ``Retry-After`` is;
        ``RateLimit-Reset`` is those until all are.
        """
        used_ticks = self._used_ticks(caller, self._now_ticks())
        used = -(-used_ticks // self._call_ticks)
        remaining = self._calls - used
        next_s = self._seconds(used_ticks - (used - 1) * self._call_ticks) if used else 0
        values = (
            f'"default";q={self._calls};w={self._call_ticks // _SECOND_NS}',
            f'"default";r={remaining};t={next_s}',
            str(self._calls),
            str(remaining),
            str(self._seconds(used_ticks)),
        )
        return dict(zip(FIELDS, values, strict=True))

    def _now_ticks(self) -> int:
        return self._now_ns() * self._calls

    def _seconds(self, ticks: int) -> int:
        """Whole seconds, rounded up."""
        return -(-ticks // self._second_ticks)

    def _used_ticks(self, caller: str, now_ticks: int) -> int:
        """The part of the period that a caller has used up."""
        return max(0, self._arrivals_ticks.get(caller, now_ticks) - now_ticks)

    def _forget(self, now_ticks: int) -> None:
        for _ in range(2):
            longest_ago = next(iter(self._arrivals_ticks))
            if self._arrivals_ticks[longest_ago] > now_ticks and len(self) <= MAX_CALLERS:
                return
            del self._arrivals_ticks[longest_ago]
