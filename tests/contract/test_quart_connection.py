"""Assumptions of ``gateway/web`` about the connection that Quart has for each request."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from quart import Quart, Response, request
from quart.asgi import ASGIHTTPConnection

from gateway.web.app import GatewayApp
from tests.contract.harness.quart_requests import http_scope, request_to
from tests.contract.harness.signatures import signatures


class Plain(Quart):
    """An application on Quart's own connection, with a response of each kind of body."""

    def __init__(self) -> None:
        super().__init__(__name__, static_folder=None)

        @self.get("/<kind>")
        async def respond(kind: str) -> Response:
            response = Response(bodies()[kind], headers={"X-Kind": kind})
            if kind == "range":
                await response.make_conditional(request, accept_ranges=True, complete_length=10)
            return response


class WithOurConnection(Plain):
    """The same application on the connection of the gateway."""

    asgi_http_class = GatewayApp.asgi_http_class


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
        "handle_messages",
        "handle_request",
        "_send_response",
    ) == {
        "__call__": "async (self, receive, send)",
        "_create_request_from_scope": "(self, send)",
        "handle_messages": "async (self, request, receive)",
        "handle_request": "async (self, request, send)",
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
    ours_start, *ours = await response_events(WithOurConnection(), f"/{kind}")
    assert ours_start == theirs_start
    assert ours_start["status"] == (206 if kind == "range" else 200)
    for events in (ours, theirs):
        assert [event["body"] for event in events if event["body"]] == sent
        assert [event["more_body"] for event in events] == [*[True] * (len(events) - 1), False]


async def test_messages_of_a_request_complete_its_body_until_the_client_disconnects() -> None:
    app = Plain()
    sent = request_to(app)
    connection = ASGIHTTPConnection(app, http_scope("GET", "/"))
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    handling = asyncio.create_task(connection.handle_messages(sent, incoming.get))
    incoming.put_nowait({"type": "http.request", "body": b"bo", "more_body": True})
    incoming.put_nowait({"type": "http.request", "body": b"dy", "more_body": False})
    assert await sent.body == b"body"
    assert not handling.done()
    incoming.put_nowait({"type": "http.disconnect"})
    await handling


def test_the_settings_that_switch_off_timers_are_quarts() -> None:
    assert {"BODY_TIMEOUT", "RESPONSE_TIMEOUT", "MAX_CONTENT_LENGTH"} <= Plain().config.keys()
