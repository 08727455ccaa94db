"""Where a reader of a stream is, and whether the stream is still the one it has read. No I/O.

After a lost connection reading goes on at the last event that was read, and that event has to be
the first to come: else the stream was deleted meanwhile, or lost with its broker, and what is
there now is another one.
"""

from enum import Enum, auto
from typing import NamedTuple, Self

from common.amqp.channel import Delivery


class Step(Enum):
    """What an event is to a reader."""

    NEXT = auto()
    KNOWN = auto()
    OF_ANOTHER_STREAM = auto()


class EventKey(NamedTuple):
    """An event's offset, and what tells it from an event of another stream at that offset."""

    offset: int
    type: str
    correlation_id: str
    timestamp_s: int | None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """The place of what was delivered."""
        message = delivery.message
        return cls(delivery.offset, message.type, message.correlation_id, message.timestamp_s)


class StreamPosition:
    """The last event that was read; none at first."""

    def __init__(self) -> None:
        self.last: EventKey | None = None
        self._expected: EventKey | None = None

    @property
    def is_missing(self) -> bool:
        """Whether nothing has come yet that tells which stream it is."""
        return self._expected is not None

    def open(self) -> None:
        """Reading goes on, from ``last``."""
        self._expected = self.last

    def remove(self) -> None:
        """Reading is to begin with a stream's beginning."""
        self.last = self._expected = None

    def step(self, place: EventKey) -> Step:
        """Move on to what has come, if it is next."""
        expected = self._expected
        if expected is not None:
            if place.offset < expected.offset:  # streams are attached to at chunk boundaries
                return Step.KNOWN
            if place.offset == expected.offset and place != expected:
                return Step.OF_ANOTHER_STREAM
            self._expected = None
            if place == expected:
                return Step.KNOWN
        self.last = place  # if it stands further on, retention has dropped what was before it
        return Step.NEXT
