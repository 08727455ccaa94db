"""Assumptions of ``gateway/web`` about the connection that Quart has for each request."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from quart import Quart, Response, request
from quart.asgi import ASGIHTTPConnection

from gateway.web.app import GatewayApp
from gateway.web.http_metrics import HttpMetrics
from gateway.web.request import this_request
from tests.contract.harness.quart_requests import http_scope
from tests.contract.harness.signatures import signatures


class Plain(Quart):
    """An application on Quart's own connection, with a response of each kind of body."""

    def __init__(self) -> None:
        super().__init__(__name__, static_folder=None)

        @self.get("/<kind>")
        async def respond(kind: str) -> Response:
            return await response_of(kind)


def ours() -> GatewayApp:
    """Return the gateway's application with the same route, which needs a context of Quart."""
    app = GatewayApp(HttpMetrics(CollectorRegistry()), max_body_bytes=100)

    @app.get("/<kind>")
    async def respond(kind: str) -> Response:
        async with app.request_context(this_request().quart):
            return await response_of(kind)

    return app


async def response_of(kind: str) -> Response:
    """Return a response of a kind of body to the current request of Quart."""
    response = Response(bodies()[kind], headers={"X-Kind": kind})
    if kind == "range":
        await response.make_conditional(request, accept_ranges=True, complete_length=10)
    return response


def bodies() -> dict[str, Any]:
    """Return a body of each kind."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    return {"bytes": b"body", "empty": b"", "range": b"0123456789", "pieces": pieces()}


async def response_events(app: Quart, path: str) -> list[dict[str, Any]]:
    """Return the ASGI events of the response to a GET."""
    sent: list[dict[str, Any]] = []
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    async def send(event: Any) -> None:
        sent.append(event)

    await app(http_scope("GET", path), incoming.get, send)
    return sent


def test_the_methods_that_are_overridden_or_called_have_these_signatures() -> None:
    assert signatures(
        ASGIHTTPConnection,
        "__call__",
        "_create_request_from_scope",
        "_send_response",
    ) == {
        "__call__": "async (self, receive, send)",
        "_create_request_from_scope": "(self, send)",
        "_send_response": "async (self, send, response)",
    }


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("bytes", [b"body"]),
        ("empty", []),
        ("range", [b"2345"]),
        ("pieces", [b"one", b"two"]),
    ],
)
async def test_a_response_has_the_head_and_the_body_that_quarts_own_connection_sends(
    kind: str, sent: list[bytes]
) -> None:
    theirs_start, *theirs = await response_events(Plain(), f"/{kind}")
    our_start, *our_events = await response_events(ours(), f"/{kind}")
    assert our_start == theirs_start
    assert our_start["status"] == (206 if kind == "range" else 200)
    for events in (our_events, theirs):
        assert [event["body"] for event in events if event["body"]] == sent
        assert [event["more_body"] for event in events] == [*[True] * (len(events) - 1), False]
