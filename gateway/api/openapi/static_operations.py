"""The operations that do not depend on the models, as data."""

from typing import Any, Final

from prometheus_client.exposition import CONTENT_TYPE_LATEST

from common.errors import BY_CODE
from common.http.error_response import CORRELATION_HEADER, JSON, PROBLEM_JSON
from gateway.api.openapi.operations import Operation, Response
from gateway.api.openapi.schemas import reference
from gateway.api.sse import EVENT_STREAM
from gateway.web.errors import STATUS

Schema = dict[str, Any]


def _json(schema: Schema) -> dict[str, Schema]:
    return {JSON: schema}


def _named(schema: str) -> dict[str, Schema]:
    return _json(reference("schemas", schema))


def _text(media_type: str) -> dict[str, Schema]:
    return {media_type: {"type": "string"}}


_PREDICTIONS: Final = (
    Operation(
        "get",
        "/predict/{prediction_id}",
        "look_up",
        "What has become of an accepted prediction",
        {
            200: Response(
                "It has succeeded. Or server-sent events: `pending`, `started`, `progress`, and in "
                "the end one named after the final state, with the body that a GET gets then.",
                _named("Finished") | _text(EVENT_STREAM),
            ),
            202: Response(
                "It is still being processed.",
                _named("Error") | {PROBLEM_JSON: reference("schemas", "Pending")},
                headers=(CORRELATION_HEADER, "Retry-After"),
            ),
            204: Response("`Last-Event-ID` is that of the final event: nothing will follow.", {}),
        },
        parameters=("Prefer", "wait", "Last-Event-ID"),
        headers=("Preference-Applied", "Server-Timing"),
        errors=("malformed_header", "unknown_prediction", *BY_CODE, "cancelled"),
    ),
    Operation(
        "delete",
        "/predict/{prediction_id}",
        "cancel",
        "Cancel an accepted prediction",
        {
            204: Response("It is cancelled: there will be no result.", {}),
            STATUS["already_final"]: Response(
                "It was over before: the body that a GET gets.",
                {
                    JSON: {"anyOf": [reference("schemas", each) for each in ("Finished", "Error")]},
                    PROBLEM_JSON: reference("schemas", "Problem"),
                },
                headers=(CORRELATION_HEADER,),
            ),
        },
        errors=("unknown_prediction", "unavailable", "deadline_exceeded"),
    ),
)

_MODELS: Final = (
    Operation(
        "get",
        "/models",
        "list_models",
        "The models that predictors have announced",
        {200: Response("How many replicas serve each now.", _named("Models"))},
        tag="models",
    ),
    Operation(
        "get",
        "/models/{model}",
        "get_model",
        "One model: its schemas and its replicas",
        {200: Response("The model, as its newest replica announces it.", _named("Model"))},
        errors=("unknown_model",),
        tag="models",
    ),
)

_SERVICE: Final = tuple(
    Operation("get", path, name, summary, responses, tag="service", is_open=is_open)
    for is_open, path, name, summary, responses in (
        (
            True,
            "/livez",
            "is_alive",
            "Whether the process runs",
            {200: Response("It does.", _named("Status"))},
        ),
        (
            True,
            "/readyz",
            "is_ready",
            "Whether it can serve",
            {
                200: Response("It can.", _named("Status")),
                503: Response("It cannot; what is missing.", _named("Status")),
            },
        ),
        (
            True,
            "/metrics",
            "get_metrics",
            "Metrics, in the text format of Prometheus",
            {200: Response("All of them.", _text(CONTENT_TYPE_LATEST))},
        ),
        (
            False,
            "/openapi.json",
            "get_openapi",
            "This description",
            {200: Response("An OpenAPI document.", _json({"type": "object"}))},
        ),
        (
            False,
            "/asyncapi.json",
            "get_asyncapi",
            "The description of the AMQP contract",
            {200: Response("An AsyncAPI document.", _json({"type": "object"}))},
        ),
        (
            True,
            "/docs",
            "get_docs",
            "This description, to read and to try out",
            {200: Response("A page.", _text("text/html"))},
        ),
    )
)

STATIC_OPERATIONS: Final = _PREDICTIONS + _MODELS + _SERVICE
