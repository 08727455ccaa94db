"""How far a prediction has come: what is told of one that goes on. No I/O.

``prediction.started`` has the body ``{}``, ``prediction.progress`` the body
``{"fraction": 0.25, "note": "…"}``. Both go to the reply stream, and say nothing of the end.
"""

import math
from typing import Final, Self

import msgspec

from common.contract.messages import Message, MessageType
from common.errors import MalformedRequest

MAX_NOTE_CHARS: Final = 200
"""How much of a note travels."""


class Progress(msgspec.Struct, frozen=True, gc=False):
    """The part that is done, from 0 to 1, and what a model says to it."""

    fraction: float
    note: str = ""

    @classmethod
    def of(cls, fraction: float, note: str = "") -> Self:
        """What a model reports, as it can travel: cut to the range and the length that do.

        Raises:
            TypeError, ValueError: the fraction is no number.
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
        """Read progress off the wire; what the contract does not name is ignored.

        Raises:
            MalformedRequest: it cannot be read.
        """
        try:
            read = msgspec.json.decode(message.body, type=cls)
            return cls.of(read.fraction, read.note)
        except (ValueError, RecursionError) as exc:  # msgspec's errors are ValueErrors
            raise MalformedRequest(f"The progress cannot be read: {exc}.") from exc

    def json(self) -> bytes:
        """As it travels, and as clients get it."""
        return msgspec.json.encode(self)

    def to_message(self, correlation_id: str, timestamp_s: int) -> Message:
        """What is told to the stream of request ``correlation_id``."""
        return Message(
            type=MessageType.PROGRESS,
            body=self.json(),
            correlation_id=correlation_id,
            timestamp_s=timestamp_s,
        )


def started(correlation_id: str, timestamp_s: int) -> Message:
    """What is told to the stream when a model is about to run."""
    return Message(
        type=MessageType.STARTED,
        body=b"{}",
        correlation_id=correlation_id,
        timestamp_s=timestamp_s,
    )
