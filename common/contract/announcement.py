"""How predictors say that they are there: announcements, and the roll call that asks for them.

Announcements go to the fanout exchange ``predictions.presence``, every ``ANNOUNCE_EVERY_S``
seconds and at once when a roll call comes over ``predictions.roll-calls``.
"""

from typing import Any, Final, Self

import msgspec

from common.contract.messages import Message, MessageType
from common.errors import MalformedRequest

ANNOUNCE_EVERY_S: Final = 5.0
SILENCE_S: Final = 15.0
"""A replica that was not heard of for this long counts as gone."""


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """What callers may know of a model: its version, and JSON Schemas of input and output."""

    name: str
    version: str = ""
    takes_batches: bool = False
    input_schema: dict[str, Any] = {}
    output_schema: dict[str, Any] = {}


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """One predictor, as it describes itself; ``predictions`` counts those done since its start."""

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
        """Read an announcement off the wire; what the contract does not name is ignored.

        Raises:
            MalformedRequest: the message is none.
        """
        if message.type != MessageType.ANNOUNCEMENT:
            raise MalformedRequest(f"The message's type is {message.type!r}.")
        try:
            return msgspec.json.decode(message.body, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise MalformedRequest(f"The announcement cannot be read: {exc}.") from exc

    def to_message(self) -> Message:
        """The announcement as it travels."""
        return Message(
            type=MessageType.ANNOUNCEMENT,
            body=msgspec.json.encode(self),
            correlation_id=self.replica_id,
        )


def roll_call() -> Message:
    """The question that every predictor answers with an announcement."""
    return Message(type=MessageType.ROLL_CALL, body=b"", correlation_id="")
