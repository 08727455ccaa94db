"""The events of a running prediction: started and progress. No I/O.

``prediction.started`` has the body ``{}``, ``prediction.progress`` the body
``{"fraction": 0.25, "note": "…"}``. Both go to the reply stream, and are no final states.
"""

import math
from typing import Final, Self

import msgspec

from common.contract.messages import Message, MessageType
from common.errors import MalformedRequest

MAX_NOTE_CHARS: Final = 200
"""The length to which a note is cut."""


class Progress(msgspec.Struct, frozen=True, gc=False):
    """The fraction that is done, from 0 to 1, and a note of the model."""

    fraction: float
    note: str = ""

    @classmethod
    def of(cls, fraction: float, note: str = "") -> Self:
        """Return what a model reports, cut to the range and the length of the contract.

        Raises:
            TypeError, ValueError: the fraction is not a number.
        """
        fraction = float(fraction)
        if math.isnan(fraction):
            raise ValueError("the fraction that is done is not a number")
        text = str(note).encode(errors="replace").decode()
        if len(text) > MAX_NOTE_CHARS:
            text = text[:MAX_NOTE_CHARS] + "…"
        return cls(min(1.0, max(0.0, fraction)), text)

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Decode progress; fields that the contract does not name are ignored.

        Raises:
            MalformedRequest: the body cannot be read.
        """
        try:
            read = msgspec.json.decode(message.body, type=cls)
            return cls.of(read.fraction, read.note)
        except (ValueError, RecursionError) as exc:  # msgspec's errors are ValueErrors
            raise MalformedRequest(f"The progress cannot be read: {exc}.") from exc

    def json(self) -> bytes:
        """Return the body, which clients get as it is."""
        return msgspec.json.encode(self)

    def to_message(self, correlation_id: str, timestamp_s: int) -> Message:
        """Encode the progress of request ``correlation_id``."""
        return Message(
            type=MessageType.PROGRESS,
            body=self.json(),
            correlation_id=correlation_id,
            timestamp_s=timestamp_s,
        )


def started(correlation_id: str, timestamp_s: int) -> Message:
    """Return the event that a model is about to run."""
    return Message(
        type=MessageType.STARTED,
        body=b"{}",
        correlation_id=correlation_id,
        timestamp_s=timestamp_s,
    )
