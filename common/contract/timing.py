"""The times for which a prediction waited and ran, in the header ``timing`` of its reply. No I/O.

The header is ``<queue>,<model>`` in milliseconds. The time in the queue is that from the acceptance
of the prediction to the start of the model, and so between two clocks, the gateway's and the
predictor's.
"""

from typing import Any, Final, Self

import msgspec

_BITS: Final = 31
_MOST: Final = (1 << _BITS) - 1
"""In tenths of a millisecond: more than two days."""


class Timing(msgspec.Struct, frozen=True, gc=False):
    """The times in the queue and in the model, in tenths of a millisecond."""

    queue: int
    model: int

    @classmethod
    def of(cls, queue_s: float, model_s: float) -> Self:
        """Return the timing of two durations, cut to the bounds."""
        return cls(_bounded(queue_s * 10_000), _bounded(model_s * 10_000))

    @classmethod
    def read(cls, headers: dict[str, Any]) -> Self | None:
        """Decode the header of a reply; None if it is missing or cannot be read."""
        header = headers.get("timing")
        if header is None:
            return None
        queue_ms, _, model_ms = str(header).partition(",")
        try:
            return cls(_bounded(float(queue_ms) * 10), _bounded(float(model_ms) * 10))
        except ValueError:
            return None

    def header(self) -> str:
        """Encode the header."""
        return f"{self.queue / 10},{self.model / 10}"

    def pack(self) -> int:
        """Return both times in one positive integer of at most ``PACKED_BITS`` bits."""
        return (self.queue << _BITS | self.model) << 1 | 1

    @classmethod
    def unpack(cls, packed: int) -> Self | None:
        """Return the timing that ``pack`` has packed; None for 0."""
        return cls(packed >> _BITS + 1, packed >> 1 & _MOST) if packed else None


PACKED_BITS: Final = 2 * _BITS + 1


def _bounded(tenths: float) -> int:
    """Return ``tenths`` within the bounds; a ValueError for NaN."""
    return round(min(max(tenths, 0.0), _MOST))
