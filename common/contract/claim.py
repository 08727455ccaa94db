"""The messages with which a gateway claims an idempotency key and settles the claim. No I/O.

They go to the reply stream, with the prediction's id as correlation id. The first claim of a key in
the stream owns it. Keys and requests travel as digests: a key may be a secret of its caller.
"""

from typing import Annotated, Final, Self

import msgspec

from common.contract.messages import Message, MessageType
from common.errors import MalformedRequest

DIGEST_BYTES: Final = 16

HexDigest = Annotated[str, msgspec.Meta(pattern=f"^[0-9a-f]{{{2 * DIGEST_BYTES}}}$")]


class ClaimBody(msgspec.Struct, frozen=True):
    """A claim: the digests of a key and of the request that it was first sent with."""

    key: HexDigest
    request: HexDigest

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Decode a claim.

        Raises:
            MalformedRequest: the body is not that of a claim.
        """
        try:
            return msgspec.json.decode(message.body, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise MalformedRequest(f"The claim cannot be read: {exc}.") from exc

    def to_message(self, correlation_id: str, timestamp_s: int) -> Message:
        """Encode the claim, which precedes the request of prediction ``correlation_id``."""
        return self._message(MessageType.CLAIM, correlation_id, timestamp_s)

    def released(self, correlation_id: str, timestamp_s: int) -> Message:
        """Encode the release of the key: the request cannot be accepted."""
        return self._message(MessageType.RELEASED, correlation_id, timestamp_s)

    def _message(self, kind: MessageType, correlation_id: str, timestamp_s: int) -> Message:
        return Message(
            type=kind,
            body=msgspec.json.encode(self),
            correlation_id=correlation_id,
            timestamp_s=timestamp_s,
        )


def accepted_message(correlation_id: str, timestamp_s: int) -> Message:
    """Return the message that the request of a claimed key has been confirmed."""
    return Message(
        type=MessageType.ACCEPTED,
        body=b"",
        correlation_id=correlation_id,
        timestamp_s=timestamp_s,
    )
