"""The position of a consumer in a stream, and a check that it is still the same stream. No I/O.

After a lost connection the consumer resumes at the last event that it has read. That event has to
be the first one delivered; otherwise the stream was deleted meanwhile, or lost with its broker, and
the present stream is another one.
"""

from enum import Enum, auto
from typing import NamedTuple, Self

from common.amqp.channel import Delivery


class Step(Enum):
    """An event as seen from a position: next, known, or of another stream."""

    NEXT = auto()
    KNOWN = auto()
    OF_ANOTHER_STREAM = auto()


class EventKey(NamedTuple):
    """An event's offset, and the fields that tell it from an event of another stream there."""

    offset: int
    type: str
    correlation_id: str
    timestamp_s: int | None

    @classmethod
    def from_delivery(cls, delivery: Delivery) -> Self:
        """Read the key of a delivered event."""
        message = delivery.message
        return cls(delivery.offset, message.type, message.correlation_id, message.timestamp_s)


class StreamPosition:
    """The last event that was read, and the one to resume at; none at first."""

    def __init__(self) -> None:
        self.last: EventKey | None = None
        self._expected: EventKey | None = None

    @property
    def is_missing(self) -> bool:
        """True until the event to resume at is delivered."""
        return self._expected is not None

    def resume(self) -> None:
        """Resume at ``last``, on a new connection."""
        self._expected = self.last

    def reset(self) -> None:
        """Begin at the beginning of a stream."""
        self.last = self._expected = None

    def step(self, key: EventKey) -> Step:
        """Move on to an event if it is next; return which kind of step it is."""
        expected = self._expected
        if expected is not None:
            if key.offset < expected.offset:  # streams are attached to at chunk boundaries
                return Step.KNOWN
            if key.offset == expected.offset and key != expected:
                return Step.OF_ANOTHER_STREAM
            self._expected = None
            if key == expected:
                return Step.KNOWN
        self.last = key  # at a higher offset, if retention has dropped the events before it
        return Step.NEXT
