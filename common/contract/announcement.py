"""The announcements of predictors, and the roll call that asks for them. No I/O.

Announcements go to the fanout exchange ``predictions.presence``, every ``ANNOUNCE_EVERY_S``
seconds, and at once after a roll call over ``predictions.roll-calls``.
"""

from typing import Annotated, Any, Final, Self

import msgspec

from common.contract.json_decoder import JsonDecoder
from common.contract.messages import Message, MessageType
from common.errors import MalformedRequest

ANNOUNCE_EVERY_S: Final = 5.0
SILENCE_S: Final = 15.0
"""A replica without an announcement for this time counts as gone."""

MAX_ANNOUNCEMENT_BYTES: Final = 4 * 2**20
"""The largest announcement, with all its models."""

_Name = Annotated[str, msgspec.Meta(max_length=256)]
"""The longest text of a predictor or a version that is kept and shown."""


_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """The public description of a model: its version, and JSON Schemas of input and output."""

    name: str
    version: _Name = ""
    takes_batches: bool = False
    input_schema: dict[str, Any] = {}
    output_schema: dict[str, Any] = {}

    @classmethod
    def from_json(cls, card: bytes) -> "ModelCard":
        """Decode the card of a model; fields that the contract does not name are ignored.

        Raises:
            MalformedRequest: it is not a card.
        """
        try:
            return _CARD.decode(card)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise MalformedRequest(f"The announcement cannot be read: {exc}.") from exc


_CARD: Final[JsonDecoder[ModelCard]] = JsonDecoder(ModelCard)


class _Replica(msgspec.Struct, frozen=True, kw_only=True):
    replica_id: _Name
    host: _Name
    isolation: _Name
    concurrency: _Count
    max_batch: _Count
    predictions: _Count
    leaving: bool = False


class _Envelope(_Replica, frozen=True, kw_only=True):
    models: tuple[msgspec.Raw, ...]


class Announcement(_Replica, frozen=True, kw_only=True):
    """The self-description of a predictor; ``predictions`` counts those since its start."""

    models: tuple[ModelCard, ...]

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Decode an announcement; fields that the contract does not name are ignored.

        Raises:
            MalformedRequest: the message is not an announcement.
        """
        announcement, cards = cls.split(message)
        models = tuple(map(ModelCard.from_json, cards))
        return msgspec.structs.replace(announcement, models=models)

    @classmethod
    def split(cls, message: Message) -> tuple[Self, tuple[bytes, ...]]:
        """Decode an announcement but for its models; return it without, and their cards as JSON.

        So a card that cannot be read costs the others nothing: see ``ModelCard.from_json``.

        Raises:
            MalformedRequest: the message is not an announcement.
        """
        if message.type != MessageType.ANNOUNCEMENT:
            raise MalformedRequest(f"The message's type is {message.type!r}.")
        if len(message.body) > MAX_ANNOUNCEMENT_BYTES:
            raise MalformedRequest(
                f"The announcement is larger than {MAX_ANNOUNCEMENT_BYTES} bytes."
            )
        try:
            envelope = msgspec.json.decode(message.body, type=_Envelope)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise MalformedRequest(f"The announcement cannot be read: {exc}.") from exc
        fields = msgspec.structs.asdict(envelope) | {"models": ()}
        return cls(**fields), tuple(map(bytes, envelope.models))

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
