"""The detection of stalls: this process was stopped, swapped out, or starved of its processor.

Right after a stall, lost connections still count as up, messages that have arrived are not read
yet, and predictors seem silent whose announcements wait to be read.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

BEAT_S: Final = 0.5
"""Time between two beats."""

STALL_S: Final = 2.0
"""A longer time without a beat is a stall; the beat of a busy process is late by less."""

log = structlog.get_logger()


class StallDetector:
    """A periodic beat, whose absence is a stall. ``now_s`` is a monotonic clock."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._last_beat_s = now_s()
        self._awake_s = 0.0

    @property
    def has_stalled(self) -> bool:
        """True from the end of a stall until the next beat, which reports it."""
        return self._since_beat_s() > STALL_S

    def awake_s(self) -> float:
        """Return the time of a monotonic clock that stops during stalls."""
        return self._awake_s + min(self._since_beat_s(), STALL_S)

    async def run(self, on_stall: Callable[[], None]) -> None:
        """Beat until cancelled; call ``on_stall`` after each stall."""
        while True:
            await asyncio.sleep(BEAT_S)
            self.beat(on_stall)

    def beat(self, on_stall: Callable[[], None]) -> None:
        """Beat once; log a stall before it, and call ``on_stall``."""
        if self.has_stalled:
            log.warning("the process stood still", seconds=round(self._since_beat_s(), 1))
            on_stall()
        self._awake_s, self._last_beat_s = self.awake_s(), self._now_s()

    def _since_beat_s(self) -> float:
        return self._now_s() - self._last_beat_s
