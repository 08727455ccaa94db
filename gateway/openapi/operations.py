"""What callers can ask for: each operation with its parameters, answers and errors, as data.

To describe one more header, status or error of an operation is one more line here; what they
mean is told once, in ``parts.py`` and in ``common/errors.py``.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from prometheus_client.exposition import CONTENT_TYPE_LATEST

from common.error_answers import CORRELATION_HEADER, JSON, PROBLEM_JSON
from common.errors import BY_CODE
from gateway.openapi import parts
from gateway.problems import STATUS
from gateway.sse import EVENT_STREAM

Schema = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """An answer that is no error: what it means, and the schema of its body by media type.

    It always brings its ``headers``.
    """

    meaning: str
    content: dict[str, Schema]
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    ``errors`` are codes of ours, and statuses of what HTTP itself refuses. ``parameters`` and
    ``headers``, which any of the answers may bring, are names in ``parts.py``; parameters of the
    path go without saying. One that ``is_open`` has no guards.
    """

    method: str
    path: str
    name: str
    summary: str
    answers: dict[int, Answer]
    parameters: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    body: Schema | None = None
    errors: tuple[str | HTTPStatus, ...] = ()
    tag: str = field(default="predictions")
    is_open: bool = False


def predict(path: str, name: str, summary: str, input_: Schema, output: Schema) -> Operation:
    """A prediction by a model that takes ``input_`` and returns ``output``."""
    return Operation(
        "post",
        path,
        name,
        summary,
        {
            200: Answer("The result, beside the input as it came.", _json(parts.result(output))),
            202: Answer(
                "Accepted: the result can be fetched later.",
                _json(parts.reference("schemas", "Accepted")),
                headers=("Location", "Retry-After"),
            ),
        },
        parameters=("Async-Mode", "Cancel-After", "Idempotency-Key", "Prefer", "traceparent"),
        headers=("Preference-Applied", "Server-Timing"),
        body=parts.request(input_),
        errors=(
            "malformed_header",
            "idempotency_conflict",
            *BY_CODE,
            "cancelled",
            HTTPStatus.REQUEST_TIMEOUT,
        ),
    )


def fixed() -> tuple[Operation, ...]:
    """The operations that are there whatever the models."""
    return _OF_PREDICTIONS + _OF_MODELS + _OF_THE_SERVICE


def _json(schema: Schema) -> dict[str, Schema]:
    return {JSON: schema}


def _named(schema: str) -> dict[str, Schema]:
    return _json(parts.reference("schemas", schema))


def _text(media_type: str) -> dict[str, Schema]:
    return {media_type: {"type": "string"}}


_OF_PREDICTIONS: Final = (
    Operation(
        "get",
        "/predict/{prediction_id}",
        "look_up",
        "What has become of an accepted prediction",
        {
            200: Answer(
                "It has succeeded. Or server-sent events: `pending`, `started`, `progress`, and in "
                "the end one named after the final state, with the body that a GET gets then.",
                _named("Finished") | _text(EVENT_STREAM),
            ),
            202: Answer(
                "It is still being processed.",
                _named("Error") | {PROBLEM_JSON: parts.reference("schemas", "Pending")},
                headers=(CORRELATION_HEADER, "Retry-After"),
            ),
            204: Answer("`Last-Event-ID` is that of the final event: nothing will follow.", {}),
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
            204: Answer("It is cancelled: there will be no result.", {}),
            STATUS["already_final"]: Answer(
                "It was over before: the body that a GET gets.",
                {
                    JSON: {
                        "anyOf": [
                            parts.reference("schemas", each) for each in ("Finished", "Error")
                        ]
                    },
                    PROBLEM_JSON: parts.reference("schemas", "Problem"),
                },
            ),
        },
        errors=("unknown_prediction", "unavailable", "deadline_exceeded"),
    ),
)

_OF_MODELS: Final = (
    Operation(
        "get",
        "/models",
        "list_models",
        "The models that predictors have announced",
        {200: Answer("How many replicas serve each now.", _named("Models"))},
        tag="models",
    ),
    Operation(
        "get",
        "/models/{model}",
        "get_model",
        "One model: its schemas and its replicas",
        {200: Answer("The model, as its newest replica announces it.", _named("Model"))},
        errors=("unknown_model",),
        tag="models",
    ),
)

_OF_THE_SERVICE: Final = tuple(
    Operation("get", path, name, summary, answers, tag="service", is_open=is_open)
    for is_open, path, name, summary, answers in (
        (
            True,
            "/livez",
            "is_alive",
            "Whether the process runs",
            {200: Answer("It does.", _named("Status"))},
        ),
        (
            True,
            "/readyz",
            "is_ready",
            "Whether it can serve",
            {
                200: Answer("It can.", _named("Status")),
                503: Answer("It cannot; what is missing.", _named("Status")),
            },
        ),
        (
            True,
            "/metrics",
            "get_metrics",
            "Metrics, in the text format of Prometheus",
            {200: Answer("All of them.", _text(CONTENT_TYPE_LATEST))},
        ),
        (
            False,
            "/openapi.json",
            "get_openapi",
            "This description",
            {200: Answer("An OpenAPI document.", _json({"type": "object"}))},
        ),
        (
            False,
            "/asyncapi.json",
            "get_asyncapi",
            "The description of the AMQP contract",
            {200: Answer("An AsyncAPI document.", _json({"type": "object"}))},
        ),
        (
            True,
            "/docs",
            "get_docs",
            "This description, to read and to try out",
            {200: Answer("A page.", _text("text/html"))},
        ),
    )
)
