"""The announcements of predictors, and the roll call that asks for them. No I/O.

Announcements go to the fanout exchange ``predictions.presence``, every ``ANNOUNCE_EVERY_S``
seconds, and at once after a roll call over ``predictions.roll-calls``.
"""

from typing import Any, Final, Self

import msgspec

from common.contract.messages import Message, MessageType
from common.errors import MalformedRequest

ANNOUNCE_EVERY_S: Final = 5.0
SILENCE_S: Final = 15.0
"""A replica without an announcement for this time counts as gone."""


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """The public description of a model: its version, and JSON Schemas of input and output."""

    name: str
    version: str = ""
    takes_batches: bool = False
    input_schema: dict[str, Any] = {}
    output_schema: dict[str, Any] = {}


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """The self-description of a predictor; ``predictions`` counts those since its start."""

    replica_id: str
    host: str
    isolation: str
    concurrency: int
    max_batch: int
    predictions: int
    models: tuple[ModelCard, ...]
    leaving: bool = False

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Decode an announcement; fields that the contract does not name are ignored.

        Raises:
            MalformedRequest: the message is not an announcement.
        """
        if message.type != MessageType.ANNOUNCEMENT:
            raise MalformedRequest(f"The message's type is {message.type!r}.")
        try:
            return msgspec.json.decode(message.body, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise MalformedRequest(f"The announcement cannot be read: {exc}.") from exc

    def to_message(self) -> Message:
        """Encode the announcement."""
        return Message(
            type=MessageType.ANNOUNCEMENT,
            body=msgspec.json.encode(self),
            correlation_id=self.replica_id,
        )


def roll_call() -> Message:
    """Return the message that every predictor answers with an announcement."""
    return Message(type=MessageType.ROLL_CALL, body=b"", correlation_id="")
