"""An error as an HTTP response, in the media type that the client prefers.

``{"error": "<sentence>"}``, or problem details (RFC 9457) with the stable code. Both carry the
correlation id of the call, so that an operator finds it in the logs.
"""

import http
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from hypercorn.typing import ASGISendCallable, HTTPScope
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from common.telemetry.correlation import correlation_id

JSON: Final = "application/json"
PROBLEM_JSON: Final = "application/problem+json"
CORRELATION_HEADER: Final = "Correlation-Id"

MAX_ACCEPT_CHARS: Final = 1000
"""A longer ``Accept`` counts as none: it would take long to parse, and no client needs it."""

Field = tuple[bytes, bytes]

log = structlog.get_logger()


class ErrorResponse(NamedTuple):
    """The parts of an error response besides its status."""

    content_type: str
    body: bytes
    correlation_id: str


def render_error(
    status: int, code: str, sentence: str, accept: str | None, **more: Any
) -> ErrorResponse:
    """Return an error of the current call in the media type that ``accept`` prefers.

    ``more`` are extension members of the problem details (RFC 9457, section 3.2).
    """
    call_id = correlation_id()
    if not prefers(PROBLEM_JSON, accept):
        return ErrorResponse(JSON, b'{"error": %b}' % msgspec.json.encode(sentence), call_id)
    problem = {
        "type": "about:blank",  # RFC 9457, section 4.2.1: the title is the status phrase
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence,
        "code": code,
        "correlation_id": call_id,
    } | more
    return ErrorResponse(PROBLEM_JSON, msgspec.json.encode(problem), call_id)


def prefers(media_type: str, accept: str | None) -> bool:
    """Return whether ``Accept`` prefers ``media_type`` to ``application/json``."""
    if accept is None or len(accept) > MAX_ACCEPT_CHARS:
        return False
    wanted = parse_accept_header(accept, MIMEAccept)
    return wanted.best_match([JSON, media_type]) == media_type


async def send_error(
    scope: HTTPScope, send: ASGISendCallable, status: int, code: str, sentence: str
) -> None:
    """Respond to a request that no application responds to, and log it under the same id."""
    fields, body = log_error(scope["method"], scope["headers"], status, code, sentence)
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def log_error(
    method: str, request_fields: Iterable[Field], status: int, code: str, sentence: str
) -> tuple[list[Field], bytes]:
    """Log a request that no application responds to; returns header fields and body for it."""
    accept = dict(request_fields).get(b"accept", b"").decode("latin-1")
    error = render_error(status, code, sentence, accept)
    log.info(
        "request", method=method, status=status, code=code, correlation_id=error.correlation_id
    )
    fields = [
        (b"content-type", error.content_type.encode()),
        (b"content-length", b"%d" % len(error.body)),
        (CORRELATION_HEADER.lower().encode(), error.correlation_id.encode()),
    ]
    return fields, error.body
