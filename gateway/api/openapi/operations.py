"""Operations with their parameters, responses and errors, as data.

One more header, status or error of an operation is one more line here or in
``static_operations.py``; its meaning is described once, in ``components.py`` or
``common/errors.py``.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from common.errors import BY_CODE
from common.http.error_response import JSON
from gateway.api.openapi.schemas import reference, request_body, result_body

Schema = dict[str, Any]


@dataclass(frozen=True)
class Response:
    """A response that is no error: its meaning, and the schema of its body by media type.

    It always has its ``headers``.
    """

    meaning: str
    content: dict[str, Schema]
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    ``errors`` are our codes, and statuses of errors of HTTP itself. ``parameters``, without those
    of the path, and ``headers``, which any of the responses may have, are names in
    ``components.py``. Access control does not apply to an operation that ``is_open``.
    """

    method: str
    path: str
    name: str
    summary: str
    responses: dict[int, Response]
    parameters: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    body: Schema | None = None
    errors: tuple[str | HTTPStatus, ...] = ()
    tag: str = field(default="predictions")
    is_open: bool = False


def predict(path: str, name: str, summary: str, input_: Schema, output: Schema) -> Operation:
    """Describe a prediction by a model that takes ``input_`` and returns ``output``."""
    return Operation(
        "post",
        path,
        name,
        summary,
        {
            200: Response("The result, beside the input as it came.", {JSON: result_body(output)}),
            202: Response(
                "Accepted: the result can be fetched later.",
                {JSON: reference("schemas", "Accepted")},
                headers=("Location", "Retry-After"),
            ),
        },
        parameters=(
            "Async-Mode",
            "Cancel-After",
            "Idempotency-Key",
            "Prefer",
            "traceparent",
            "tracestate",
        ),
        headers=("Preference-Applied", "Server-Timing"),
        body=request_body(input_),
        errors=(
            "malformed_header",
            "idempotency_conflict",
            *BY_CODE,
            "cancelled",
            HTTPStatus.REQUEST_TIMEOUT,
        ),
    )
