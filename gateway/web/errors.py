"""Errors as HTTP responses, and the one table from code to status."""

import http
from typing import Any, Final

from werkzeug.exceptions import HTTPException

from common.errors import (
    Cancelled,
    PredictionError,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from common.http.error_response import CORRELATION_HEADER, render_error
from gateway.call_context import add_log_fields
from gateway.web.request import this_request
from gateway.web.response import BytesResponse, json_response

STATUS: Final[dict[str, int]] = {
    "malformed_request": 400,
    "malformed_header": 400,
    "unauthorized": 401,
    "unknown_model": 404,
    "unknown_prediction": 404,
    "already_final": 409,
    "cancelled": 410,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_conflict": 422,
    "invalid_input": 422,
    "rate_limited": 429,
    "model_failed": 500,
    "predictor_crashed": 502,
    "unavailable": 503,
    "deadline_exceeded": 504,
    "internal_error": 500,
}
"""Error code → HTTP status. The statuses of errors appear nowhere else; errors of HTTP itself have
their own."""


class MisdirectedRequest(HTTPException):
    """A request for a host that is none of this gateway's (RFC 9110, section 7.4)."""

    code = 421
    description = "The Host of this request is none of this gateway's; see GATEWAY_ALLOWED_HOSTS."


def prediction_problem(error: PredictionError, status: int | None = None) -> BytesResponse:
    """Respond to a call that ended in ``error``, with ``status`` or else the error's own."""
    response = _failure(status or STATUS[error.code], error.code, error.sentence)
    if isinstance(error, Unavailable | RateLimited):
        response.headers["Retry-After"] = str(error.retry_after_s)
    elif isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def http_problem(error: HTTPException) -> BytesResponse:
    """Respond to an error of HTTP itself: an unknown path, a wrong method, and the like."""
    status = error.code or http.HTTPStatus.INTERNAL_SERVER_ERROR
    sentence = error.description or http.HTTPStatus(status).phrase
    response = _failure(status, http_code(status), sentence)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def http_code(status: int) -> str:
    """Return the code of an error of HTTP itself: the phrase of its status."""
    return http.HTTPStatus(status).phrase.lower().replace(" ", "_")


def _failure(status: int, code: str, sentence: str) -> BytesResponse:
    add_log_fields(state="cancelled" if code == Cancelled.code else "failed", code=code)
    return problem_response(status, code, sentence)


def problem_response(status: int, code: str, sentence: str, **more: Any) -> BytesResponse:
    """Respond with an error as the client accepts it; ``more`` are fields of problem details."""
    error = render_error(status, code, sentence, this_request().header("accept"), **more)
    response = json_response(error.body, status, error.content_type)
    response.headers[CORRELATION_HEADER] = error.correlation_id
    response.headers["Vary"] = "Accept"
    return response
