"""What travels: each message of the contract with its properties, headers and body, as data."""

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
    | {"description": "Milliseconds that it waited and ran, like `1.2,3.4`; may be left out."},
    "traceparent": _TEXT | {"description": "W3C Trace Context; absent if there is none."},
    "tracestate": _TEXT | {"description": "The same; only beside `traceparent`."},
    "x-first-death-reason": {
        "enum": list(GIVEN_UP),
        "description": "Why the broker gave the request up.",
    },
}
"""The application headers, all of them scalars: streams lose lists and tables."""


@dataclass(frozen=True)
class Described:
    """One kind of message; ``properties`` and ``headers`` are names in the tables above."""

    type: MessageType
    meaning: str
    properties: tuple[str, ...]
    headers: tuple[str, ...] = ()
    payload: Schema | None = field(default=None)
    """The body's schema; None for a body that is empty."""


def _object(**members: Schema) -> Schema:
    return {"type": "object", "required": list(members), "properties": members}


_REQUEST: Final = _object(input={"description": "Any JSON value."})
_REPLIED: Final = ("correlation_id", "timestamp")
_ASKED: Final = ("correlation_id", "reply_to", "expiration", "timestamp")
_TRACED: Final = ("traceparent", "tracestate")

MESSAGES: Final = {
    "request": Described(
        MessageType.REQUEST,
        "One prediction asked for; the body is the client's, other fields are to be ignored.",
        _ASKED,
        _TRACED,
        _REQUEST,
    ),
    "dead-letter": Described(
        MessageType.REQUEST,
        "A request that the broker gave up: a final state, where the stream has no reply.",
        ("correlation_id", "reply_to", "timestamp"),  # the broker takes the expiration off
        (*_TRACED, "x-first-death-reason"),
        _REQUEST,
    ),
    "succeeded": Described(
        MessageType.SUCCEEDED,
        "A result, beside the bytes of the input as they came.",
        _REPLIED,
        ("timing", *_TRACED),
        payload=_object(input={}, result={}),
    ),
    "failed": Described(
        MessageType.FAILED,
        "An error that ended the prediction.",
        _REPLIED,
        ("timing", *_TRACED),
        payload=_object(
            code={"enum": list(BY_CODE)},
            error=_TEXT | {"maxLength": MAX_SENTENCE_CHARS + 1, "description": "For the caller."},
        ),
    ),
    "cancelled": Described(
        MessageType.CANCELLED,
        "A caller has cancelled the prediction, or its time is over. Only gateways say so.",
        _REPLIED,
        _TRACED,
    ),
    "started": Described(
        MessageType.STARTED,
        "A model is about to run on an async request.",
        _REPLIED,
        payload={"type": "object"},
    ),
    "progress": Described(
        MessageType.PROGRESS,
        "How far a model has come with an async request, if it tells.",
        _REPLIED,
        payload={"$ref": "#/components/schemas/Progress"},
    ),
    "claim": Described(
        MessageType.CLAIM,
        "A gateway's own: the first one of a key owns it. To be ignored.",
        _REPLIED,
        _TRACED,
        payload={"$ref": "#/components/schemas/ClaimBody"},
    ),
    "accepted": Described(
        MessageType.ACCEPTED,
        "A gateway's own: the request whose key was claimed is confirmed. To be ignored.",
        _REPLIED,
        _TRACED,
    ),
    "released": Described(
        MessageType.RELEASED,
        "A gateway's own: the request cannot be accepted, and its key is free. To be ignored.",
        _REPLIED,
        _TRACED,
        {"$ref": "#/components/schemas/ClaimBody"},
    ),
    "marker": Described(
        MessageType.MARKER,
        "A gateway's own: what it reads up to here was there when it asked. To be ignored.",
        _REPLIED,
    ),
    "announcement": Described(
        MessageType.ANNOUNCEMENT,
        "One predictor, as it describes itself; `correlation_id` is its `replica_id`.",
        ("correlation_id",),
        payload={"$ref": "#/components/schemas/Announcement"},
    ),
    "roll-call": Described(
        MessageType.ROLL_CALL, "A gateway asks every predictor to announce itself.", ()
    ),
}


def message_object(described: Described) -> dict[str, Any]:
    """A message as AsyncAPI has it.

    AMQP's own properties are ``x-properties``: AsyncAPI's ``headers`` are for the application's.
    """
    own = {name: PROPERTIES[name] for name in described.properties}
    told: dict[str, Any] = {
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
        told["payload"] = described.payload
    if "correlation_id" in own:
        told["correlationId"] = {
            "description": "The AMQP property of that name.",
            "location": "$message.header#/correlation_id",
        }
    return told


def body_schemas() -> dict[str, Schema]:
    """The schemas of bodies that have a type, by its name."""
    _, schemas = msgspec.json.schema_components(
        (Announcement, ClaimBody, Progress), ref_template="#/components/schemas/{name}"
    )
    return schemas
