"""Errors as HTTP responses, in both content types."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from quart import Quart, Response
from werkzeug.exceptions import (
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    RequestTimeout,
)

from common.errors import BrokerAway, DeadlineExceeded, InvalidInput, UnknownPrediction
from common.telemetry.correlation import correlate
from gateway.api.responses import json_response
from gateway.web.errors import http_problem, prediction_problem

PROBLEM: Final = "application/problem+json"


@pytest.fixture
async def app() -> AsyncIterator[Quart]:
    """An application to respond from, which serves no request."""
    application = Quart(__name__)
    application.config["MAX_CONTENT_LENGTH"] = 10
    async with application.app_context():
        yield application


async def parsed(response: Response) -> tuple[int, str, Any]:
    """Return the status, the content type and the JSON of a response."""
    return response.status_code, response.headers["Content-Type"], await response.get_json()


async def test_an_error_is_one_sentence(app: Quart) -> None:
    async with app.test_request_context("/"):
        response = prediction_problem(InvalidInput('Too "hot".'))
    assert await response.get_data() == b'{"error": "Too \\"hot\\"."}'
    assert (response.status_code, response.headers["Content-Type"]) == (422, "application/json")
    assert response.headers["Vary"] == "Accept"


async def test_an_unknown_id_gets_its_fixed_body(app: Quart) -> None:
    async with app.test_request_context("/"):
        response = prediction_problem(UnknownPrediction())
    assert await response.get_data() == b'{"error": "Prediction ID not found."}'


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (PROBLEM, PROBLEM),
        (f"application/json;q=0.5, {PROBLEM}", PROBLEM),
        (f"application/json, {PROBLEM};q=0.5", "application/json"),
        (f"application/json, {PROBLEM}", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        ("of no known form;;q=x", "application/json"),
    ],
)
async def test_an_error_has_the_content_type_that_the_caller_prefers(
    app: Quart, accept: str, content_type: str
) -> None:
    async with app.test_request_context("/", headers={"Accept": accept}):
        response = prediction_problem(DeadlineExceeded("Too late."))
    assert response.status_code == 504
    assert response.headers["Content-Type"] == content_type


async def test_a_problem_has_the_members_of_rfc_9457_and_the_code(app: Quart) -> None:
    async with app.test_request_context("/", headers={"Accept": PROBLEM}):
        correlate("of a prediction")
        response = prediction_problem(DeadlineExceeded("Too late."))
    assert await response.get_json() == {
        "type": "about:blank",
        "title": "Gateway Timeout",
        "status": 504,
        "detail": "Too late.",
        "code": "deadline_exceeded",
        "correlation_id": "of a prediction",
    }
    assert response.headers["Correlation-Id"] == "of a prediction"


async def test_an_error_of_either_content_type_has_the_correlation_id(app: Quart) -> None:
    async with app.test_request_context("/"):
        correlate("of a prediction")
        response = prediction_problem(DeadlineExceeded("Too late."))
    assert response.headers["Correlation-Id"] == "of a prediction"
    assert await response.get_data() == b'{"error": "Too late."}'


async def test_an_error_that_a_retry_may_mend_has_retry_after(app: Quart) -> None:
    async with app.test_request_context("/"):
        away = prediction_problem(BrokerAway("Away."))
        late = prediction_problem(DeadlineExceeded("Late."))
    assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
    assert "Retry-After" not in late.headers


async def test_a_body_that_is_too_large_gets_an_error_with_the_limit(app: Quart) -> None:
    async with app.test_request_context("/", headers={"Accept": PROBLEM}):
        status, _, body = await parsed(http_problem(RequestEntityTooLarge()))
    assert (status, body["code"]) == (413, "body_too_large")
    assert "10 bytes" in body["detail"]


async def test_an_error_of_http_itself_keeps_its_status_and_its_headers(app: Quart) -> None:
    async with app.test_request_context("/", headers={"Accept": PROBLEM}):
        response = http_problem(MethodNotAllowed(["POST"]))
        status, content_type, body = await parsed(response)
    assert (status, content_type, body["code"]) == (405, PROBLEM, "method_not_allowed")
    assert response.headers["Allow"] == "POST"
    assert response.headers.getlist("Content-Type") == [PROBLEM]


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (NotFound(description="Nothing here."), 404, "Nothing here."),
        (RequestTimeout(description="Too slow."), 408, "Too slow."),
        (HTTPException(), 500, "Internal Server Error"),
    ],
)
async def test_an_error_of_http_itself_says_why(
    app: Quart, error: HTTPException, status: int, sentence: str
) -> None:
    async with app.test_request_context("/"):
        response = http_problem(error)
    assert await parsed(response) == (status, "application/json", {"error": sentence})


async def test_an_unexpected_failure_does_not_reveal_its_cause(app: Quart) -> None:
    async with app.test_request_context("/"):
        response = http_problem(InternalServerError(original_exception=ValueError("secret")))
    status, _, body = await parsed(response)
    assert (status, body) == (500, {"error": "The gateway failed; its log says why."})


async def test_a_json_body_is_sent_byte_for_byte() -> None:
    response = json_response(b'{"result": 1.50}', 202)
    assert await response.get_data() == b'{"result": 1.50}'
    assert (response.status_code, response.headers["Content-Type"]) == (202, "application/json")
