"""What callers can ask for: an operation with its parameters, answers and errors, as data.

To describe one more header, status or error of an operation is one more line here or in
``fixed.py``; what they mean is told once, in ``parts.py`` and in ``common/errors.py``.
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
    responses: dict[int, Response]
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
