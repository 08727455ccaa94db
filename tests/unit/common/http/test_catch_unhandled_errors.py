"""Unhandled errors of applications behind the real HTTP server."""

import json
from typing import Final

import pytest
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from structlog.testing import capture_logs

from tests.support.harness.serving import exchange, serving

GET: Final = b"GET /somewhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%b\r\n"


async def failing(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Fails at once."""
    if scope["type"] == "http":
        raise ZeroDivisionError("secret")


async def failing_late(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Fails amid its response."""
    if scope["type"] == "http":
        headers = [(b"content-length", b"20")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"so far", "more_body": True})
        raise ZeroDivisionError("secret")


async def test_an_unhandled_error_is_a_problem_with_the_id_of_its_log_line() -> None:
    with capture_logs() as lines:
        async with serving(failing) as port:
            answer = await exchange(port, GET % b"Accept: application/problem+json\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    problem = json.loads(body)
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"content-type: application/problem+json" in head
    assert b"correlation-id: %b" % problem["correlation_id"].encode() in head
    assert problem["code"] == "internal_error"
    assert b"secret" not in answer
    (failure,) = (line for line in lines if line["log_level"] == "error")
    assert failure["correlation_id"] == problem["correlation_id"]
    assert (failure["path"], failure["exc_info"]) == ("/somewhere", True)


async def test_an_unhandled_error_is_a_sentence_for_clients_without_accept() -> None:
    with capture_logs():
        async with serving(failing) as port:
            answer = await exchange(port, GET % b"")
    assert answer.endswith(b'\r\n\r\n{"error": "The gateway failed; its log says why."}')


async def test_an_unhandled_error_amid_a_response_ends_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with capture_logs() as lines:
        async with serving(failing_late) as port:
            answer = await exchange(port, GET % b"")
    assert answer.endswith(b"\r\n\r\nso far")  # of 20 bytes
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "unexpected failure"
    ]
    assert not caplog.records
