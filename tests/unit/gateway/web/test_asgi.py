"""One request over ASGI: a response of two events, and the disconnect of its client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest
from prometheus_client import CollectorRegistry
from quart import Response

from common.http.exchange import ON_DISCONNECT
from gateway.web import asgi
from gateway.web.app import GatewayApp
from gateway.web.asgi import MAX_READ_AHEAD
from gateway.web.http_metrics import HttpMetrics
from gateway.web.response import BytesResponse, json_response
from tests.support.fakes.http_requests import http_scope
from tests.support.fakes.spans import NotingTracer
from tests.support.harness.waiting import until


class Exchange:
    """A client, and an application that responds with ``response``; if it is None, never.

    ``has_extension``: the server calls a function when the client disconnects; without this, it
    only delivers an event.
    """

    def __init__(
        self, response: Response | BytesResponse | None = None, *, has_extension: bool = False
    ) -> None:
        self.scope: Any = http_scope()
        self.on_disconnect: Callable[[], None] | None = None
        if has_extension:
            self.scope["extensions"][ON_DISCONNECT] = self.listen
        self.tracer = NotingTracer()
        metrics = HttpMetrics(CollectorRegistry())
        self.app = GatewayApp(metrics, max_body_bytes=100, tracer=self.tracer)
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        self.sent: list[dict[str, Any]] = []
        self.is_handling = False
        self.was_cancelled = False

        @self.app.get("/")
        async def handle() -> Response | BytesResponse:
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
        return asyncio.create_task(self.app(self.scope, receive, self.send))

    def listen(self, on_disconnect: Callable[[], None] | None) -> None:
        self.on_disconnect = on_disconnect

    def disconnect(self) -> None:
        self.incoming.put_nowait({"type": "http.disconnect"})
        if self.on_disconnect is not None:
            self.on_disconnect()

    async def started(self) -> "asyncio.Task[None]":
        """Start the call; return it once its handler runs."""
        call = self.start()

        async def is_handling() -> bool:
            return self.is_handling

        await until(is_handling, lambda: "the route is reached")
        return call


@pytest.mark.parametrize("response_type", [Response, json_response])
@pytest.mark.parametrize("body", [b"", b"answer"])
async def test_a_complete_body_is_sent_with_the_end_of_the_response(
    response_type: Callable[[bytes, int], Response | BytesResponse], body: bytes
) -> None:
    exchange = Exchange(response_type(body, 201))
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


EXTENSION: Final = pytest.mark.parametrize("has_extension", [True, False])


@EXTENSION
async def test_a_handler_is_cancelled_when_its_client_disconnects(has_extension: bool) -> None:
    exchange = Exchange(has_extension=has_extension)
    call = await exchange.started()
    exchange.disconnect()
    await call
    assert exchange.was_cancelled
    assert exchange.sent == []
    (span,) = exchange.tracer.requests
    assert (span.of, span.facts["predictmq.state"]) == ("GET /", "caller left")


@EXTENSION
async def test_a_call_that_is_cancelled_by_the_server_ends_cancelled(has_extension: bool) -> None:
    exchange = Exchange(has_extension=has_extension)
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
    exchange.disconnect()
    for _ in range(number):
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_call_that_is_cancelled_together_with_its_disconnect_ends_cancelled() -> None:
    exchange = Exchange(has_extension=True)
    call = await exchange.started()
    exchange.disconnect()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_client_that_disconnects_after_its_response_cancels_nothing() -> None:
    exchange = Exchange(json_response(b"{}"), has_extension=True)
    await exchange.start()
    assert exchange.on_disconnect is None
    assert len(exchange.sent) == 2


async def test_with_the_extension_no_task_is_started_for_a_response() -> None:
    exchange = Exchange(json_response(b"{}"), has_extension=True)
    started: list[Any] = []

    def note_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **names: Any) -> Any:
        started.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **names)

    asyncio.get_running_loop().set_task_factory(note_task)
    await exchange.start()
    assert len(exchange.sent) == 2
    assert len(started) == 1  # the request's own


async def test_without_the_extension_the_body_of_a_refused_request_is_read_to_its_end() -> None:
    exchange = Exchange(json_response(b"{}", 401))
    exchange.incoming = asyncio.Queue()
    for more in (*[True] * (2 * MAX_READ_AHEAD), False):
        event = {"type": "http.request", "body": b"x" * 100, "more_body": more}
        exchange.incoming.put_nowait(event)
    may_send = asyncio.Event()

    async def send(event: Any) -> None:
        await may_send.wait()
        exchange.sent.append(event)

    receive: Any = exchange.incoming.get
    call = asyncio.create_task(exchange.app(exchange.scope, receive, send))

    async def is_read() -> bool:
        return exchange.incoming.empty()

    await until(is_read, lambda: "the body is read")
    assert exchange.sent == []
    may_send.set()
    await call
    assert exchange.sent[0]["status"] == 401


@pytest.mark.parametrize("is_stream", [True, False])
async def test_only_a_stream_may_take_longer_than_the_time_for_sending(
    monkeypatch: pytest.MonkeyPatch, is_stream: bool
) -> None:
    monkeypatch.setattr(asgi, "SEND_TIMEOUT_S", 0.01)
    response = Response(b"1")
    if is_stream:
        response.timeout = None
    exchange = Exchange(response, has_extension=True)

    async def send(event: Any) -> None:
        await asyncio.sleep(0.1)
        exchange.sent.append(event)

    receive: Any = exchange.incoming.get
    await exchange.app(exchange.scope, receive, send)
    assert len(exchange.sent) == (2 if is_stream else 0)
