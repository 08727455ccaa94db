"""The messages of the AsyncAPI document, with their properties, headers and bodies, as data."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from common.contract.announcement import Announcement
from common.contract.claim import ClaimBody
from common.contract.messages import GIVEN_UP, MAX_SENTENCE_CHARS, MessageType
from common.contract.progress import Progress
from common.errors import BY_CODE

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}

EVERYWHERE: Final[dict[str, Schema]] = {
    "content_type": {"const": "application/json"},
    "delivery_mode": {"const": 2},
    "message_id": _TEXT | {"description": "Unique for each publish."},
    "type": _TEXT,
}
"""The AMQP properties of every message."""

PROPERTIES: Final[dict[str, Schema]] = {
    "correlation_id": _TEXT,
    "reply_to": _TEXT | {"description": "The routing key of the reply: the return address."},
    "expiration": _TEXT
    | {"pattern": "^[1-9][0-9]*$", "description": "Milliseconds left, counted from `timestamp`."},
    "timestamp": {"type": "integer", "description": "Unix time in whole seconds."},
}
"""The AMQP properties of some messages."""

HEADERS: Final[dict[str, Schema]] = {
    "timing": _TEXT
    | {"description": "Milliseconds in the queue and in the model, like `1.2,3.4`; optional."},
    "traceparent": _TEXT | {"description": "W3C Trace Context; absent if there is none."},
    "tracestate": _TEXT | {"description": "W3C Trace Context; only beside `traceparent`."},
    "x-first-death-reason": {
        "enum": list(GIVEN_UP),
        "description": "The reason for which the broker dead-lettered the request.",
    },
}
"""The application headers, all of them scalars: streams lose lists and tables."""


@dataclass(frozen=True)
class Described:
    """One kind of message; ``properties`` and ``headers`` are keys of the tables above."""

    type: MessageType
    meaning: str
    properties: tuple[str, ...]
    headers: tuple[str, ...] = ()
    payload: Schema | None = field(default=None)
    """The body's schema; None for a body that is empty."""


def _object(**members: Schema) -> Schema:
    return {"type": "object", "required": list(members), "properties": members}


_REQUEST: Final = _object(input={"description": "Any JSON value."})
_OF_A_REPLY: Final = ("correlation_id", "timestamp")
_OF_A_REQUEST: Final = ("correlation_id", "reply_to", "expiration", "timestamp")
_TRACED: Final = ("traceparent", "tracestate")

MESSAGES: Final = {
    "request": Described(
        MessageType.REQUEST,
        "A request for one prediction; the body is the client's. Ignore fields beside the input.",
        _OF_A_REQUEST,
        _TRACED,
        _REQUEST,
    ),
    "dead-letter": Described(
        MessageType.REQUEST,
        "A request that the broker dead-lettered: a final state, if the stream has no reply.",
        ("correlation_id", "reply_to", "timestamp"),  # the broker removes the expiration
        (*_TRACED, "x-first-death-reason"),
        _REQUEST,
    ),
    "succeeded": Described(
        MessageType.SUCCEEDED,
        "A result, beside the unchanged bytes of the input.",
        _OF_A_REPLY,
        ("timing", *_TRACED),
        payload=_object(input={}, result={}),
    ),
    "failed": Described(
        MessageType.FAILED,
        "An error that ended the prediction.",
        _OF_A_REPLY,
        ("timing", *_TRACED),
        payload=_object(
            code={"enum": list(BY_CODE)},
            error=_TEXT | {"maxLength": MAX_SENTENCE_CHARS + 1, "description": "For the caller."},
        ),
    ),
    "cancelled": Described(
        MessageType.CANCELLED,
        "A caller has cancelled the prediction, or its time is over. Published by gateways only.",
        _OF_A_REPLY,
        _TRACED,
    ),
    "started": Described(
        MessageType.STARTED,
        "A model is about to run on an async request.",
        _OF_A_REPLY,
        payload={"type": "object"},
    ),
    "progress": Described(
        MessageType.PROGRESS,
        "The progress of a model with an async request; optional.",
        _OF_A_REPLY,
        payload={"$ref": "#/components/schemas/Progress"},
    ),
    "claim": Described(
        MessageType.CLAIM,
        "Between gateways: the first claim of a key owns it. To be ignored.",
        _OF_A_REPLY,
        _TRACED,
        payload={"$ref": "#/components/schemas/ClaimBody"},
    ),
    "accepted": Described(
        MessageType.ACCEPTED,
        "Between gateways: the request of a claimed key is confirmed. To be ignored.",
        _OF_A_REPLY,
        _TRACED,
    ),
    "released": Described(
        MessageType.RELEASED,
        "Between gateways: a request cannot be accepted, and its key is free. To be ignored.",
        _OF_A_REPLY,
        _TRACED,
        {"$ref": "#/components/schemas/ClaimBody"},
    ),
    "marker": Described(
        MessageType.MARKER,
        "Of one gateway: all before it was in the stream when it was published. To be ignored.",
        _OF_A_REPLY,
    ),
    "announcement": Described(
        MessageType.ANNOUNCEMENT,
        "The self-description of a predictor; `correlation_id` is its `replica_id`.",
        ("correlation_id",),
        payload={"$ref": "#/components/schemas/Announcement"},
    ),
    "roll-call": Described(
        MessageType.ROLL_CALL, "A gateway asks every predictor to announce itself.", ()
    ),
}


def message_object(described: Described) -> dict[str, Any]:
    """Return a message as an AsyncAPI message object.

    AMQP's own properties are ``x-properties``: AsyncAPI's ``headers`` are for those of
    applications.
    """
    own = {name: PROPERTIES[name] for name in described.properties}
    result: dict[str, Any] = {
        "name": described.type.value,
        "summary": described.meaning,
        "headers": {
            "type": "object",
            "properties": {name: HEADERS[name] for name in described.headers},
        },
        "bindings": {"amqp": {"messageType": described.type.value, "bindingVersion": "0.3.0"}},
        "x-properties": _object(**EVERYWHERE | {"type": {"const": described.type.value}} | own),
    }
    if described.payload is not None:
        result["payload"] = described.payload
    if "correlation_id" in own:
        result["correlationId"] = {
            "description": "The AMQP property of that name.",
            "location": "$message.header#/correlation_id",
        }
    return result


def body_schemas() -> dict[str, Schema]:
    """Return the schemas of the bodies that have a type, by its name."""
    _, schemas = msgspec.json.schema_components(
        (Announcement, ClaimBody, Progress), ref_template="#/components/schemas/{name}"
    )
    return schemas
