"""Errors as HTTP answers: one table from code to status, two spellings of the body."""

import http
from typing import Any, Final

import msgspec
from quart import Response, current_app, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from common.errors import BodyTooLarge, InternalError, PredictionError, Unavailable
from gateway.facts import note

STATUS: Final[dict[str, int]] = {
    "malformed_request": 400,
    "unknown_model": 404,
    "unknown_prediction": 404,
    "cancelled": 410,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "invalid_input": 422,
    "model_failed": 500,
    "predictor_crashed": 502,
    "unavailable": 503,
    "deadline_exceeded": 504,
    "internal_error": 500,
}
"""Error code → HTTP status. The statuses of errors appear nowhere else; those that HTTP itself
refuses bring their own."""

PROBLEM_JSON: Final = "application/problem+json"
JSON: Final = "application/json"


def prediction_problem(error: PredictionError) -> Response:
    """The answer to a call that ended in ``error``."""
    response = _problem(STATUS[error.code], error.code, error.sentence)
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def http_problem(error: HTTPException) -> Response:
    """The answer to what HTTP itself refuses: unknown paths, wrong methods, and the like."""
    if isinstance(error, RequestEntityTooLarge):
        limit_bytes = current_app.config["MAX_CONTENT_LENGTH"]
        return prediction_problem(
            BodyTooLarge(f"The body is larger than the {limit_bytes} bytes this gateway takes.")
        )
    status = error.code or http.HTTPStatus.INTERNAL_SERVER_ERROR
    phrase = http.HTTPStatus(status).phrase
    response = _problem(status, phrase.lower().replace(" ", "_"), error.description or phrase)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def unexpected_problem() -> Response:
    """The answer to a failure of our own that nobody foresaw; the log has the rest."""
    return prediction_problem(InternalError())


def _problem(status: int, code: str, sentence: str) -> Response:
    note(state="failed", code=code)
    wanted = request.accept_mimetypes.best_match([JSON, PROBLEM_JSON])
    if wanted == PROBLEM_JSON:
        body: dict[str, Any] = {
            "type": "about:blank",  # RFC 9457, section 4.2.1: the title is the status phrase
            "title": http.HTTPStatus(status).phrase,
            "status": status,
            "detail": sentence,
            "code": code,
        }
        return Response(msgspec.json.encode(body), status, content_type=PROBLEM_JSON)
    return json_response(b'{"error": %b}' % msgspec.json.encode(sentence), status)


def json_response(body: bytes, status: int = 200) -> Response:
    """A JSON answer from bytes that already are JSON."""
    return Response(body, status, content_type=JSON)
