"""The parameters of operations and the headers of responses, each described once."""

from typing import Any, Final

from common.http.error_response import CORRELATION_HEADER
from common.settings import MODEL_NAME

Schema = dict[str, Any]

_NUMBER: Final = "[0-9]{1,15}([.][0-9]{1,9})?"
_DURATION: Final[Schema] = {
    "type": "string",
    "pattern": f"^({_NUMBER}[hH])?({_NUMBER}[mM])?({_NUMBER}[sS]?)?$",
    "not": {"pattern": "^[^1-9]*$"},  # not zero
    "examples": ["30s"],
}

_KEY: Final = r'^([!#-~][ -~]{0,254}|"([ !#-\[\]-~]|\\["\\]){1,255}")$'

_UUID: Final[Schema] = {"type": "string", "format": "uuid"}
_TEXT: Final[Schema] = {"type": "string"}


def _header(description: str, schema: Schema, example: str, *, always: bool = True) -> Schema:
    return {
        "description": description,
        "required": always,
        "schema": schema,
        "example": example,
    }


HEADERS: Final = {
    CORRELATION_HEADER: _header("What the logs have the call under.", _TEXT, "<id>"),
    "Location": _header("Where the result will be.", _TEXT, "/predict/<id>"),
    "Preference-Applied": _header(
        "What was honoured of `Prefer`, if anything.", _TEXT, "wait=10", always=False
    ),
    "Retry-After": _header("Seconds to wait before asking again.", _TEXT, "1"),
    "RateLimit-Policy": _header(
        "Calls and the seconds of the window.", _TEXT, '"default";q=100;w=60', always=False
    ),
    "RateLimit": _header(
        "Calls that are left, and seconds until there is one more.",
        _TEXT,
        '"default";r=99;t=1',
        always=False,
    ),
    "RateLimit-Limit": _header("Calls in the window.", _TEXT, "100", always=False),
    "RateLimit-Remaining": _header("Those that are left.", _TEXT, "99", always=False),
    "RateLimit-Reset": _header("Seconds until there are more.", _TEXT, "60", always=False),
    "Server-Timing": _header(
        "How long it waited, ran, and took altogether, in milliseconds.",
        _TEXT,
        "queue;dur=1.2, model;dur=3.4, total;dur=6.1",
        always=False,
    ),
    "WWW-Authenticate": _header("How a key is shown.", _TEXT, "Bearer"),
}
"""The headers of responses, by name."""


def _path_parameter(name: str, description: str, schema: Schema) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
    }


def _header_parameter(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "header", "description": description, "schema": schema}


PARAMETERS: Final = {
    "model": _path_parameter("model", "A model's name.", {"type": "string", "pattern": MODEL_NAME}),
    "prediction_id": _path_parameter("prediction_id", "What `202` has answered.", _UUID),
    "Async-Mode": _header_parameter(
        "Async-Mode",
        "`true`, in any case: accept the prediction and answer at once. Anything else: wait.",
        _TEXT | {"examples": ["true"]},
    ),
    "Cancel-After": _header_parameter(
        "Cancel-After",
        "How long the prediction may take, such as `30s`, `1.5m` or `1h30m`, at most as long as "
        "is configured.",
        _DURATION,
    ),
    "Idempotency-Key": _header_parameter(
        "Idempotency-Key",
        "What is sent again with the same key is the same prediction, for as long as results "
        "live. The same key with another model or body is refused.",
        {"type": "string", "pattern": _KEY, "examples": ["an order's number"]},
    ),
    "Prefer": _header_parameter(
        "Prefer",
        "RFC 7240: `respond-async`, to be answered at once; `wait=N`, to be answered within N "
        "seconds, with a result or else without. Others are ignored.",
        _TEXT | {"examples": ["wait=10"]},
    ),
    "wait": {
        "name": "wait",
        "in": "query",
        "description": "The same as `Prefer: wait=N`.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Last-Event-ID": _header_parameter(
        "Last-Event-ID",
        "The id of the last server-sent event that has arrived: those after it follow.",
        _TEXT,
    ),
    "traceparent": _header_parameter(
        "traceparent", "W3C Trace Context; one that is malformed is ignored.", _TEXT
    ),
    "tracestate": _header_parameter(
        "tracestate", "W3C Trace Context; without a `traceparent` it is ignored.", _TEXT
    ),
}
"""The parameters of requests, by the names that operations refer to."""
