"""One request over ASGI: a response of two events, and the disconnect of its client."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from quart import Response

from gateway.web.app import GatewayApp
from gateway.web.http_metrics import HttpMetrics
from tests.support.fakes.spans import NotingTracer
from tests.support.harness.waiting import until

SCOPE: dict[str, Any] = {
    "type": "http",
    "http_version": "1.1",
    "asgi": {"version": "3.0"},
    "method": "GET",
    "scheme": "http",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "headers": [(b"host", b"test")],
    "client": ("127.0.0.1", 1),
    "extensions": {},
}


class Exchange:
    """A client, and an application that responds with ``response``; if it is None, never."""

    def __init__(self, response: Response | None = None) -> None:
        self.tracer = NotingTracer()
        metrics = HttpMetrics(CollectorRegistry())
        self.app = GatewayApp(metrics, max_body_bytes=100, tracer=self.tracer)
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        self.sent: list[dict[str, Any]] = []
        self.is_handling = False
        self.was_cancelled = False

        @self.app.get("/")
        async def handle() -> Response:
            self.is_handling = True
            try:
                if response is None:
                    await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                self.was_cancelled = True
                raise
            assert response is not None
            return response

    async def send(self, event: Any) -> None:
        self.sent.append(event)

    def start(self) -> "asyncio.Task[None]":
        receive: Any = self.incoming.get
        scope: Any = SCOPE
        return asyncio.create_task(self.app(scope, receive, self.send))

    async def started(self) -> "asyncio.Task[None]":
        """Start the call; return it once its handler runs."""
        call = self.start()

        async def is_handling() -> bool:
            return self.is_handling

        await until(is_handling, lambda: "the route is reached")
        return call


@pytest.mark.parametrize("body", [b"", b"answer"])
async def test_a_complete_body_is_sent_with_the_end_of_the_response(body: bytes) -> None:
    exchange = Exchange(Response(body, 201))
    await exchange.start()
    start, end = exchange.sent
    assert (start["type"], start["status"]) == ("http.response.start", 201)
    assert (b"content-length", str(len(body)).encode()) in start["headers"]
    assert end == {"type": "http.response.body", "body": body, "more_body": False}


async def test_a_streamed_body_is_sent_in_its_pieces() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    exchange = Exchange(Response(pieces()))
    await exchange.start()
    assert [event.get("body") for event in exchange.sent] == [None, b"one", b"two", b""]
    assert [event.get("more_body") for event in exchange.sent] == [None, True, True, False]


async def test_a_handler_is_cancelled_when_its_client_disconnects() -> None:
    exchange = Exchange()
    call = await exchange.started()
    exchange.incoming.put_nowait({"type": "http.disconnect"})
    await call
    assert exchange.was_cancelled
    assert exchange.sent == []
    (span,) = exchange.tracer.requests
    assert (span.of, span.facts["predictmq.state"]) == ("GET /", "caller left")


async def test_a_call_that_is_cancelled_by_the_server_ends_cancelled() -> None:
    exchange = Exchange()
    call = await exchange.started()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert exchange.was_cancelled


@pytest.mark.parametrize("number", range(3))
async def test_a_call_that_is_cancelled_while_its_client_disconnects_ends_cancelled(
    number: int,
) -> None:
    exchange = Exchange()
    call = await exchange.started()
    exchange.incoming.put_nowait({"type": "http.disconnect"})
    for _ in range(number):
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
