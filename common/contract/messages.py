"""The messages of the contract as frozen types, and their codec. No I/O.

The kind of a message is in its AMQP ``type`` property, never guessed from the body. Bodies stay
bytes wherever they need not be read: a client gets its ``input`` back as it sent it.
"""

from enum import StrEnum
from typing import Any, Final, Self

import msgspec

from common.contract.timing import Timing
from common.errors import (
    BY_CODE,
    Cancelled,
    DeadlineExceeded,
    MalformedRequest,
    ModelFailed,
    PredictionError,
    PredictorCrashed,
)

MAX_MESSAGE_BYTES: Final = 16 * 2**20
"""The largest body that RabbitMQ 4 takes by default; a larger one closes the channel."""

MAX_REQUEST_BYTES: Final = MAX_MESSAGE_BYTES // 2
"""The largest body of a request: its reply repeats the input, and must be a message too."""

DIRECT_REPLY_TO: Final = "amq.rabbitmq.reply-to"
"""The beginning of return addresses of RabbitMQ's direct reply-to, which no reply may go to.

RabbitMQ (3.10 to 4.0) decodes the rest of such an address when a reply is published, and ends the
connection of its publisher, with all other replies on it, if the rest is no token of its own.
"""

MAX_SENTENCE_CHARS: Final = 1000
"""The length to which an error's sentence is cut."""


class MessageType(StrEnum):
    """The kinds of messages: the AMQP ``type`` property."""

    REQUEST = "prediction.request"
    SUCCEEDED = "prediction.succeeded"
    FAILED = "prediction.failed"
    DEAD_LETTERED = "prediction.dead-lettered"
    """Never published: the broker dead-letters the request itself."""
    CANCELLED = "prediction.cancelled"
    STARTED = "prediction.started"
    PROGRESS = "prediction.progress"
    CLAIM = "prediction.claim"
    ACCEPTED = "prediction.accepted"
    RELEASED = "prediction.released"
    MARKER = "journal.marker"
    ANNOUNCEMENT = "predictor.announcement"
    ROLL_CALL = "predictor.roll-call"


FINAL: Final = (MessageType.SUCCEEDED, MessageType.FAILED, MessageType.CANCELLED)
"""The types of final states that are published; the other final state is a dead letter."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A body in bytes, and the AMQP properties that the contract uses.

    ``expiration_ms`` counts from ``timestamp_s`` (Unix time). AMQP timestamps are whole seconds.
    """

    type: str
    body: bytes
    correlation_id: str
    reply_to: str | None = None
    expiration_ms: int | None = None
    timestamp_s: int | None = None
    headers: dict[str, Any] = {}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request for one prediction: the client's body as it came, return address and deadline.

    Raises:
        MalformedRequest: no correlation id, no return address or one that replies may not go to, no
            time left, or too large.
    """

    correlation_id: str
    body: bytes
    reply_to: str
    expiration_ms: int
    timestamp_s: int
    traceparent: str | None = None
    tracestate: str | None = None

    def __post_init__(self) -> None:
        if not self.correlation_id:
            raise MalformedRequest("The request has no correlation_id.")
        if not self.reply_to:
            raise MalformedRequest("The request has no reply_to.")
        if self.reply_to.startswith(DIRECT_REPLY_TO):
            raise MalformedRequest("The request's reply_to is a direct reply-to address.")
        if self.expiration_ms < 1:
            raise MalformedRequest("The request's expiration is not a positive number.")
        if len(self.body) > MAX_REQUEST_BYTES:
            raise MalformedRequest(f"The request is larger than {MAX_REQUEST_BYTES} bytes.")

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Decode a request; headers that the contract does not name are ignored.

        Raises:
            MalformedRequest: the message is not a request of the contract.
        """
        if message.type != MessageType.REQUEST:
            raise MalformedRequest(f"The message's type is {message.type!r}.")
        if message.expiration_ms is None or message.timestamp_s is None:
            raise MalformedRequest("The request has no expiration or no timestamp.")
        traceparent, tracestate = map(message.headers.get, ("traceparent", "tracestate"))
        return cls(
            correlation_id=message.correlation_id,
            body=message.body,
            reply_to=message.reply_to or "",
            expiration_ms=message.expiration_ms,
            timestamp_s=message.timestamp_s,
            traceparent=traceparent if isinstance(traceparent, str) else None,
            tracestate=tracestate if isinstance(tracestate, str) else None,
        )

    def deadline_s(self, now_s: float) -> float:
        """Return the Unix time until which a request, delivered at ``now_s``, may be started.

        The broker drops expired requests. So a request that seems to be delivered late, or to have
        more time than its expiration, comes from a clock that differs from ours, and its time
        counts from now. AMQP timestamps are whole seconds, rounded down.
        """
        allowed_s = self.expiration_ms / 1000
        by_sender_s = self.timestamp_s + 1 + allowed_s
        return by_sender_s if now_s < by_sender_s < now_s + allowed_s else now_s + allowed_s

    def to_message(self) -> Message:
        """Encode the request."""
        headers = {"traceparent": self.traceparent} if self.traceparent else {}
        if self.tracestate:
            headers["tracestate"] = self.tracestate
        return Message(
            type=MessageType.REQUEST,
            body=self.body,
            correlation_id=self.correlation_id,
            reply_to=self.reply_to,
            expiration_ms=self.expiration_ms,
            timestamp_s=self.timestamp_s,
            headers=headers,
        )


def state_of(message_type: str) -> str:
    """Return the last word of a type: ``prediction.succeeded`` is ``succeeded``."""
    return message_type.rpartition(".")[2]


class _FailedBody(msgspec.Struct, frozen=True):
    code: str
    error: str


_JSON: Final = msgspec.json.Decoder(msgspec.Raw)
"""A decoder that checks JSON and makes nothing of it."""


class Reply(msgspec.Struct, frozen=True, gc=False):
    """The final state of a prediction, with its body in bytes.

    ``type`` is ``prediction.succeeded`` with the body ``{"input": …, "result": …}``,
    ``prediction.failed`` with the body ``{"code": …, "error": …}``, or ``prediction.cancelled``
    without a body, which only gateways publish. ``prediction.dead-lettered``, with the body of a
    failure, stands for a request that the broker has dead-lettered. ``timing`` is the predictor's,
    or None if it sent none.
    """

    type: str
    body: bytes
    timing: Timing | None = None

    @property
    def state(self) -> str:
        """The final state in one word, such as ``succeeded``."""
        return state_of(self.type)

    @classmethod
    def succeeded(cls, input_json: bytes, result_json: bytes) -> Self:
        """Return a success: the bytes of the input and of the result.

        Raises:
            ModelFailed: together they are larger than a message may be.
        """
        parts = (b'{"input": ', input_json, b', "result": ', result_json, b"}")
        body = b"".join(parts)  # large ones are copied once, by % several times
        if len(body) > MAX_MESSAGE_BYTES:
            raise ModelFailed(f"The result is larger than {MAX_MESSAGE_BYTES} bytes.")
        return cls(MessageType.SUCCEEDED, body)

    @classmethod
    def failed(cls, error: PredictionError) -> Self:
        """Return a failure: the code and the sentence of an error.

        Models write sentences too: characters that UTF-8 cannot encode are replaced, and a sentence
        that is too long is cut.
        """
        sentence = str(error.sentence).encode(errors="replace").decode()
        if len(sentence) > MAX_SENTENCE_CHARS:
            sentence = sentence[:MAX_SENTENCE_CHARS] + "…"
        body = msgspec.json.encode(_FailedBody(error.code, sentence))
        return cls(MessageType.FAILED, body)

    def outcome(self) -> str:
        """Return ``succeeded``, ``cancelled``, or the code of the error."""
        if self.type != MessageType.FAILED:
            return self.state
        return msgspec.json.decode(self.body, type=_FailedBody).code

    def result(self) -> bytes:
        """Return the body of a success.

        Raises:
            PredictionError: the prediction failed; it is the error that the reply carries.
        """
        if self.type == MessageType.SUCCEEDED:
            _check_json(self.body)
            return self.body
        if self.type == MessageType.CANCELLED:
            raise Cancelled
        try:
            failure = msgspec.json.decode(self.body, type=_FailedBody)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise ModelFailed("The predictor sent an error that cannot be read.") from exc
        raise BY_CODE.get(failure.code, ModelFailed)(failure.error)

    def to_message(self, correlation_id: str, timestamp_s: int) -> Message:
        """Encode the reply to request ``correlation_id``."""
        return Message(
            type=self.type,
            body=self.body,
            correlation_id=correlation_id,
            timestamp_s=timestamp_s,
            headers={"timing": self.timing.header()} if self.timing else {},
        )


def _check_json(body: bytes) -> None:
    """Check the result of a predictor, which may be in any language, before a client gets it."""
    try:
        _JSON.decode(body)
        if not body.isascii():
            body.decode()  # which the decoder leaves out
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise ModelFailed("The predictor sent a result that is no JSON.") from exc


CANCELLED: Final = Reply(MessageType.CANCELLED, b"")
"""The final state of a prediction that its caller has cancelled."""

GIVEN_UP: Final[dict[str, PredictionError]] = {
    "expired": DeadlineExceeded("No predictor started the prediction before its deadline."),
    "delivery_limit": PredictorCrashed("The prediction ended every predictor that tried it."),
    "rejected": MalformedRequest("The predictor refused the request as malformed."),
}
"""The errors that dead letters stand for, by RabbitMQ's ``x-first-death-reason``."""


def final_reply(message: Message) -> Reply | None:
    """Return the final state in ``message``: a reply, or a request that was dead-lettered.

    None for messages without a final state, such as markers and messages of unknown types.
    """
    if message.type in FINAL:
        return Reply(message.type, message.body, Timing.read(message.headers))
    if message.type == MessageType.REQUEST:
        error = GIVEN_UP.get(str(message.headers.get("x-first-death-reason")))
        return Reply(MessageType.DEAD_LETTERED, Reply.failed(error).body) if error else None
    return None
