"""Notice that this process stood still: stopped, swapped out, or starved of its processor.

Nothing else tells. Its connections are up until somebody reads from them, what has arrived
meanwhile is not known yet, and whoever was not heard was not silent.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

BEAT_S: Final = 0.5
STALL_S: Final = 2.0
"""Without a beat for this long the process stood still; a busy one is late by less."""

log = structlog.get_logger()


class StallDetector:
    """Beats for as long as ``run`` runs. ``now_s`` is a monotonic clock."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._last_beat_s = now_s()
        self._awake_s = 0.0

    @property
    def has_stalled(self) -> bool:
        """Whether the process has just woken up, so that nobody has been told of it yet."""
        return self._since_beat_s() > STALL_S

    def awake_s(self) -> float:
        """A clock that stands still when the process does."""
        return self._awake_s + min(self._since_beat_s(), STALL_S)

    async def run(self, on_stall: Callable[[], None]) -> None:
        """Beat until cancelled; call ``on_stall`` whenever the process stood still."""
        while True:
            await asyncio.sleep(BEAT_S)
            self.beat(on_stall)

    def beat(self, on_stall: Callable[[], None]) -> None:
        """Note that the process goes on, and tell if it stood still before."""
        if self.has_stalled:
            log.warning("the process stood still", seconds=round(self._since_beat_s(), 1))
            on_stall()
        self._awake_s, self._last_beat_s = self.awake_s(), self._now_s()

    def _since_beat_s(self) -> float:
        return self._now_s() - self._last_beat_s
