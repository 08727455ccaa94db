"""Errors as HTTP answers, in the two spellings of the body."""

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
    """An application to answer from; nothing is served."""
    application = Quart(__name__)
    application.config["MAX_CONTENT_LENGTH"] = 10
    async with application.app_context():
        yield application


async def parsed(response: Response) -> tuple[int, str, Any]:
    """Status, content type and the JSON of an answer."""
    return response.status_code, response.headers["Content-Type"], await response.get_json()


async def test_an_error_is_one_sentence(app: Quart) -> None:
    async with app.test_request_context("/"):
        answer = prediction_problem(InvalidInput('Too "hot".'))
    assert await answer.get_data() == b'{"error": "Too \\"hot\\"."}'
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/json")
    assert answer.headers["Vary"] == "Accept"


async def test_an_unknown_id_is_answered_to_the_letter(app: Quart) -> None:
    async with app.test_request_context("/"):
        answer = prediction_problem(UnknownPrediction())
    assert await answer.get_data() == b'{"error": "Prediction ID not found."}'


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
async def test_a_problem_is_spelled_as_the_caller_prefers(
    app: Quart, accept: str, content_type: str
) -> None:
    async with app.test_request_context("/", headers={"Accept": accept}):
        answer = prediction_problem(DeadlineExceeded("Too late."))
    assert answer.status_code == 504
    assert answer.headers["Content-Type"] == content_type


async def test_a_problem_has_the_members_of_rfc_9457_and_the_code(app: Quart) -> None:
    async with app.test_request_context("/", headers={"Accept": PROBLEM}):
        correlate("of a prediction")
        answer = prediction_problem(DeadlineExceeded("Too late."))
    assert await answer.get_json() == {
        "type": "about:blank",
        "title": "Gateway Timeout",
        "status": 504,
        "detail": "Too late.",
        "code": "deadline_exceeded",
        "correlation_id": "of a prediction",
    }
    assert answer.headers["Correlation-Id"] == "of a prediction"


async def test_in_either_spelling_an_error_brings_the_id_that_the_logs_have(app: Quart) -> None:
    async with app.test_request_context("/"):
        correlate("of a prediction")
        answer = prediction_problem(DeadlineExceeded("Too late."))
    assert answer.headers["Correlation-Id"] == "of a prediction"
    assert await answer.get_data() == b'{"error": "Too late."}'


async def test_only_what_may_succeed_later_says_when_to_come_back(app: Quart) -> None:
    async with app.test_request_context("/"):
        away = prediction_problem(BrokerAway("Away."))
        late = prediction_problem(DeadlineExceeded("Late."))
    assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
    assert "Retry-After" not in late.headers


async def test_a_body_that_http_refuses_is_told_the_limit(app: Quart) -> None:
    async with app.test_request_context("/", headers={"Accept": PROBLEM}):
        status, _, body = await parsed(http_problem(RequestEntityTooLarge()))
    assert (status, body["code"]) == (413, "body_too_large")
    assert "10 bytes" in body["detail"]


async def test_what_http_refuses_keeps_its_status_and_its_headers(app: Quart) -> None:
    async with app.test_request_context("/", headers={"Accept": PROBLEM}):
        answer = http_problem(MethodNotAllowed(["POST"]))
        status, content_type, body = await parsed(answer)
    assert (status, content_type, body["code"]) == (405, PROBLEM, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"
    assert answer.headers.getlist("Content-Type") == [PROBLEM]


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (NotFound(description="Nothing here."), 404, "Nothing here."),
        (RequestTimeout(description="Too slow."), 408, "Too slow."),
        (HTTPException(), 500, "Internal Server Error"),
    ],
)
async def test_what_http_refuses_says_why(
    app: Quart, error: HTTPException, status: int, sentence: str
) -> None:
    async with app.test_request_context("/"):
        answer = http_problem(error)
    assert await parsed(answer) == (status, "application/json", {"error": sentence})


async def test_a_failure_that_nobody_foresaw_tells_nothing_of_itself(app: Quart) -> None:
    async with app.test_request_context("/"):
        answer = http_problem(InternalServerError(original_exception=ValueError("secret")))
    status, _, body = await parsed(answer)
    assert (status, body) == (500, {"error": "The gateway failed; its log says why."})


async def test_bytes_that_are_json_are_answered_as_they_are() -> None:
    answer = json_response(b'{"result": 1.50}', 202)
    assert await answer.get_data() == b'{"result": 1.50}'
    assert (answer.status_code, answer.headers["Content-Type"]) == (202, "application/json")
