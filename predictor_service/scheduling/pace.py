"""How fast a model is, and what follows from that. No I/O.

How many requests of a lane to have handed over at once: what waits here cannot go to another
predictor, and a crash counts against it. So while a model is slow: as many as can run, and none
while all slots are taken. While it is fast, twice as many as can run: else it would be idle for
as long as the broker takes to hand over the next request, which can be longer than the model
takes. One that takes less than a round trip to the broker gets several more, so that they come,
run and are answered many to a packet.

How many requests share one trip to the thread or process where the model runs: one; while the
model takes less time than the trip, as many as it answers within ``INSTANT_S``.
"""

from typing import Final

FAST_S: Final = 0.3
SLOW_S: Final = 0.6
"""Apart, so that a model in between does not change the prefetch with every call."""

INSTANT_S: Final = 0.003
NOT_INSTANT_S: Final = 0.01
INSTANT_COUNT: Final = 16
"""For an instant model, at least: some hundredths of a second of work."""

_WEIGHT: Final = 0.2


class Pace:
    """Follows how long a model takes, as an exponentially weighted mean."""

    def __init__(self, slots: int, max_batch: int) -> None:
        self._at_once = slots * max_batch
        self._mean_s = SLOW_S
        self._is_fast = False
        self._is_instant = False

    def observe(self, seconds: float) -> None:
        """Note how long the model took for one request, or for one batch."""
        self._mean_s += _WEIGHT * (seconds - self._mean_s)
        if self._mean_s < FAST_S:
            self._is_fast = True
        elif self._mean_s > SLOW_S:
            self._is_fast = False
        if self._mean_s < INSTANT_S:
            self._is_instant = True
        elif self._mean_s > NOT_INSTANT_S:
            self._is_instant = False

    @property
    def trip(self) -> int:
        """How many requests that the model takes one by one share a trip to it."""
        return max(1, int(INSTANT_S / max(self._mean_s, INSTANT_S / INSTANT_COUNT)))

    def prefetch(self, *, is_full: bool) -> int:
        """The prefetch of each lane now; ``is_full``: no slot is free. 0: do not consume."""
        if self._is_instant:
            return max(INSTANT_COUNT, 2 * self._at_once)
        if self._is_fast:
            return 2 * self._at_once
        return 0 if is_full else self._at_once
