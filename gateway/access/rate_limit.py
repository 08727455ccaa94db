"""What the rate limiter remembers of callers, within bounds."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from quart_rate_limiter.store import RateLimiterStoreABC

MAX_CALLERS: Final = 100_000
"""How many callers are remembered; beyond that, who has not called for longest is forgotten."""


class RecentCallers(RateLimiterStoreABC):
    """Caller → by when it has used up what it has asked for, the theoretical arrival time.

    One whose time is over is as good as unknown, so each call forgets up to two of those: the
    library's own store would keep every address that ever called. ``now`` has a time zone.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._until: dict[str, datetime] = {}  # who called last is last

    def __len__(self) -> int:
        return len(self._until)

    async def get(self, key: str, default: datetime) -> datetime:
        """The time of a caller."""
        return self._until.get(key, default)

    async def set(self, key: str, tat: datetime) -> None:
        """Remember the time of a caller who called."""
        self._until.pop(key, None)
        self._until[key] = tat
        for _ in range(2):
            longest_ago = next(iter(self._until))
            if self._until[longest_ago] <= self._now() or len(self._until) > MAX_CALLERS:
                del self._until[longest_ago]
            if not self._until:
                break

    async def before_serving(self) -> None:
        """Nothing to open."""

    async def after_serving(self) -> None:
        """Nothing to close."""
