"""Errors as HTTP responses, in both content types."""

from typing import Any, Final

import msgspec
import pytest
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestTimeout

from common.errors import (
    BrokerAway,
    DeadlineExceeded,
    InternalError,
    InvalidInput,
    UnknownPrediction,
)
from common.telemetry.correlation import correlate
from gateway.web.errors import http_problem, prediction_problem
from gateway.web.request import set_this_request
from gateway.web.response import BytesResponse, json_response
from tests.support.fakes.http_requests import request_with

PROBLEM: Final = "application/problem+json"


def parsed(response: BytesResponse) -> tuple[int, str, Any]:
    """Return the status, the content type and the JSON of a response."""
    return (
        response.status_code,
        response.headers["Content-Type"],
        msgspec.json.decode(response.body),
    )


def test_an_error_is_one_sentence() -> None:
    set_this_request(request_with())
    response = prediction_problem(InvalidInput('Too "hot".'))
    assert response.body == b'{"error": "Too \\"hot\\"."}'
    assert (response.status_code, response.headers["Content-Type"]) == (422, "application/json")
    assert response.headers["Vary"] == "Accept"


def test_an_unknown_id_gets_its_fixed_body() -> None:
    set_this_request(request_with())
    response = prediction_problem(UnknownPrediction())
    assert response.body == b'{"error": "Prediction ID not found."}'


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
def test_an_error_has_the_content_type_that_the_caller_prefers(
    accept: str, content_type: str
) -> None:
    set_this_request(request_with(accept=accept))
    response = prediction_problem(DeadlineExceeded("Too late."))
    assert response.status_code == 504
    assert response.headers["Content-Type"] == content_type


def test_a_problem_has_the_members_of_rfc_9457_and_the_code() -> None:
    set_this_request(request_with(accept=PROBLEM))
    correlate("of a prediction")
    response = prediction_problem(DeadlineExceeded("Too late."))
    assert msgspec.json.decode(response.body) == {
        "type": "about:blank",
        "title": "Gateway Timeout",
        "status": 504,
        "detail": "Too late.",
        "code": "deadline_exceeded",
        "correlation_id": "of a prediction",
    }
    assert response.headers["Correlation-Id"] == "of a prediction"


def test_an_error_of_either_content_type_has_the_correlation_id() -> None:
    set_this_request(request_with())
    correlate("of a prediction")
    response = prediction_problem(DeadlineExceeded("Too late."))
    assert response.headers["Correlation-Id"] == "of a prediction"
    assert response.body == b'{"error": "Too late."}'


def test_an_error_that_a_retry_may_mend_has_retry_after() -> None:
    set_this_request(request_with())
    away = prediction_problem(BrokerAway("Away."))
    late = prediction_problem(DeadlineExceeded("Late."))
    assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
    assert "Retry-After" not in late.headers


def test_an_error_of_http_itself_keeps_its_status_and_its_headers() -> None:
    set_this_request(request_with(accept=PROBLEM))
    response = http_problem(MethodNotAllowed(["POST"]))
    status, content_type, body = parsed(response)
    assert (status, content_type, body["code"]) == (405, PROBLEM, "method_not_allowed")
    assert response.headers["Allow"] == "POST"
    assert list(response.headers).count("Content-Type") == 1


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (NotFound(description="Nothing here."), 404, "Nothing here."),
        (RequestTimeout(description="Too slow."), 408, "Too slow."),
        (HTTPException(), 500, "Internal Server Error"),
    ],
)
def test_an_error_of_http_itself_says_why(error: HTTPException, status: int, sentence: str) -> None:
    set_this_request(request_with())
    response = http_problem(error)
    assert parsed(response) == (status, "application/json", {"error": sentence})


def test_an_unexpected_failure_does_not_reveal_its_cause() -> None:
    set_this_request(request_with())
    status, _, body = parsed(prediction_problem(InternalError()))
    assert (status, body) == (500, {"error": "The gateway failed; its log says why."})


def test_a_json_body_is_sent_byte_for_byte() -> None:
    response = json_response(b'{"result": 1.50}', 202)
    assert response.body == b'{"result": 1.50}'
    assert (response.status_code, response.headers["Content-Type"]) == (202, "application/json")
