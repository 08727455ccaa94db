"""How long a prediction waited and ran, as one short header of its reply. No I/O.

``timing`` is ``<queue>,<model>`` in milliseconds. The queue's share counts from the prediction's
acceptance to the model's start, so it is taken between two clocks, the gateway's and the
predictor's.
"""

from typing import Any, Final, Self

import msgspec

_BITS: Final = 31
_MOST: Final = (1 << _BITS) - 1
"""In tenths of a millisecond: more than two days."""


class Timing(msgspec.Struct, frozen=True, gc=False):
    """Both in tenths of a millisecond."""

    queue: int
    model: int

    @classmethod
    def of(cls, queue_s: float, model_s: float) -> Self:
        """From seconds; what is out of bounds is cut to them."""
        return cls(_bounded(queue_s * 10_000), _bounded(model_s * 10_000))

    @classmethod
    def read(cls, headers: dict[str, Any]) -> Self | None:
        """What a reply's headers say; None if nothing that can be read."""
        header = headers.get("timing")
        if header is None:
            return None
        queue_ms, _, model_ms = str(header).partition(",")
        try:
            return cls(_bounded(float(queue_ms) * 10), _bounded(float(model_ms) * 10))
        except ValueError:
            return None

    def header(self) -> str:
        """As it travels."""
        return f"{self.queue / 10},{self.model / 10}"

    def pack(self) -> int:
        """One positive integer of at most ``PACKED_BITS`` bits."""
        return (self.queue << _BITS | self.model) << 1 | 1

    @classmethod
    def unpack(cls, packed: int) -> Self | None:
        """What ``pack`` has packed; None of 0."""
        return cls(packed >> _BITS + 1, packed >> 1 & _MOST) if packed else None


PACKED_BITS: Final = 2 * _BITS + 1


def _bounded(tenths: float) -> int:
    """Raises ``ValueError`` of what is no number."""
    return round(min(max(tenths, 0.0), _MOST))
