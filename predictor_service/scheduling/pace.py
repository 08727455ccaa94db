"""Adaptive prefetch: how many requests to take ahead, by how fast the model is. No I/O.

A request that waits here cannot go to another predictor, and a crash costs it a redelivery. So
while the model is slow the prefetch of each lane is as many requests as can run, and none while
all slots are taken. While the model is fast it is twice as many as can run: otherwise the model
would be idle until the broker has delivered the next request, which can take longer than the model
does. A model that is faster than a round trip to the broker gets several more, so that they are
delivered, run and answered many to a packet.

The same measure tells how many requests share a chunk, which is one hand-over to the thread or
process where the model runs: one, or as many as an instant model runs within ``INSTANT_S``, since
the hand-over takes longer than such a model does.
"""

from typing import Final

FAST_S: Final = 0.3
SLOW_S: Final = 0.6
"""Apart, so that a model in between does not change the prefetch with every call."""

INSTANT_S: Final = 0.003
NOT_INSTANT_S: Final = 0.01
INSTANT_COUNT: Final = 16
"""The least prefetch for an instant model: some hundredths of a second of work."""

_WEIGHT: Final = 0.2


class Pace:
    """The time that the model takes, as an exponentially weighted mean, and what follows from it.

    ``slots`` calls run at once, each with up to ``max_batch`` requests.
    """

    def __init__(self, slots: int, max_batch: int) -> None:
        self._at_once = slots * max_batch
        self._mean_s = SLOW_S
        self._is_fast = False
        self._is_instant = False

    def observe(self, seconds: float) -> None:
        """Record how long one model call took."""
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
    def chunk(self) -> int:
        """The number of requests in a chunk of a model that takes one input for each call."""
        return max(1, int(INSTANT_S / max(self._mean_s, INSTANT_S / INSTANT_COUNT)))

    def prefetch(self, *, is_full: bool) -> int:
        """Return the prefetch of each lane now; ``is_full``: no slot is free. 0: do not consume."""
        if self._is_instant:
            return max(INSTANT_COUNT, 2 * self._at_once)
        if self._is_fast:
            return 2 * self._at_once
        return 0 if is_full else self._at_once
