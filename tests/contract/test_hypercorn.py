"""Assumptions of ``common/http`` about the inside of hypercorn."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.protocol.events import Body, EndBody, Event, Request, Response, StreamClosed
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ConnectionState,
    LifespanState,
    Scope,
)
from hypercorn.utils import UnexpectedMessageError, wrap_app

from tests.contract.harness.signatures import signature, signatures

pytestmark = pytest.mark.usefixtures("bounded")

CLIENT: Final = ("192.0.2.1", 50000)
SERVER: Final = ("192.0.2.2", 8080)
HEADERS: Final = [(b"host", b"x"), (b"x-case", b"Kept")]
START: Final[Any] = {"type": "http.response.start", "status": 200, "headers": [(b"A", b"b")]}
BODY: Final[Any] = {"type": "http.response.body", "body": b"pong", "more_body": False}


class Spawner(TaskGroup):
    """A task group that spawns nothing, and records the scopes that it is given."""

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self.scopes: list[Scope] = []

    async def spawn_app(
        self, app: Any, config: Config, scope: Scope, send: Any
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        self.scopes.append(scope)

        async def put(event: ASGIReceiveEvent) -> None:
            raise AssertionError(event)

        return put


async def stream_of(method: str, sent: list[Event]) -> tuple[HTTPStream, list[Scope]]:
    """Open a stream of one request; returns it and the scopes of its application."""

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        raise AssertionError

    async def send(event: Event) -> None:
        sent.append(event)

    spawner, config = Spawner(), Config()
    wrapped = wrap_app(app, config.wsgi_max_body_size, "asgi")
    stream = HTTPStream(
        wrapped, config, WorkerContext(None), spawner, False, CLIENT, SERVER, send, stream_id=1
    )
    state = ConnectionState(LifespanState())
    await stream.handle(Request(1, HEADERS, "1.1", method, b"/a%20b?c=d", state))
    return stream, spawner.scopes


def test_what_is_called_has_these_signatures() -> None:
    assert signatures(HTTPStream, "__init__", "handle", "app_send") == {
        "__init__": "(self, app, config, context, task_group, ssl, client, server, send, "
        "stream_id)",
        "handle": "async (self, event)",
        "app_send": "async (self, message)",
    }
    assert signatures(TaskGroup, "__init__", "spawn_app") == {
        "__init__": "(self, loop)",
        "spawn_app": "async (self, app, config, scope, send)",
    }
    assert signatures(
        Lifespan, "__init__", "handle_lifespan", "wait_for_startup", "wait_for_shutdown"
    ) == {
        "__init__": "(self, app, config, loop, lifespan_state)",
        "handle_lifespan": "async (self)",
        "wait_for_startup": "async (self)",
        "wait_for_shutdown": "async (self)",
    }
    assert signature(Request) == "(stream_id, headers, http_version, method, raw_path, state)"
    assert signature(WorkerContext) == "(max_requests)"
    assert signature(wrap_app) == "(app, wsgi_max_body_size, mode)"


async def test_a_request_has_the_scope_of_asgi_and_spawns_the_application_once() -> None:
    stream, scopes = await stream_of("POST", [])
    (scope,) = scopes
    assert scope is stream.scope
    assert stream.state is ASGIHTTPState.REQUEST
    assert scope["type"] == "http"
    assert (scope["http_version"], scope["method"], scope["path"]) == ("1.1", "POST", "/a b")
    assert (scope["raw_path"], scope["query_string"]) == (b"/a%20b", b"c=d")
    assert (scope["client"], scope["server"], scope["headers"]) == (CLIENT, SERVER, HEADERS)
    assert scope["extensions"] == {}


async def test_a_response_is_sent_as_these_events() -> None:
    sent: list[Event] = []
    stream, _ = await stream_of("GET", sent)
    await stream.app_send(START)
    assert stream.state is ASGIHTTPState.RESPONSE
    await stream.app_send(BODY)
    response = Response(stream_id=1, headers=[(b"A", b"b")], status_code=200)
    assert sent == [response, Body(1, b"pong"), EndBody(1), StreamClosed(1)]


async def test_a_response_to_head_has_no_body() -> None:
    sent: list[Event] = []
    stream, _ = await stream_of("HEAD", sent)
    await stream.app_send(START)
    await stream.app_send(BODY)
    assert [type(event) for event in sent] == [Response, EndBody, StreamClosed]


async def test_a_second_response_to_a_request_is_an_unexpected_message() -> None:
    stream, _ = await stream_of("GET", [])
    await stream.app_send(START)
    with pytest.raises(UnexpectedMessageError):
        await stream.app_send(START)


async def test_a_head_that_is_not_sent_leaves_the_response_to_be_begun() -> None:
    sent: list[Event] = []
    stream, _ = await stream_of("GET", sent)

    async def fail(event: Event) -> None:
        raise ValueError

    send, stream.send = stream.send, fail
    with pytest.raises(ValueError, match=r"^$"):
        await stream.app_send(START)
    stream.send = send
    await stream.app_send(START)
    assert len(sent) == 1


async def lifespan_of(app: ASGIFramework) -> None:
    """Start and end an application, as ``common/http/server.py`` does."""
    config = Config()
    wrapped = wrap_app(app, config.wsgi_max_body_size, "asgi")
    lifespan = Lifespan(wrapped, config, asyncio.get_running_loop(), LifespanState())
    running = asyncio.create_task(lifespan.handle_lifespan())
    await lifespan.wait_for_startup()
    await lifespan.wait_for_shutdown()
    running.cancel()
    await asyncio.wait((running,))


async def test_an_application_is_started_and_ended_by_its_lifespan() -> None:
    received: list[str] = []

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        assert scope["type"] == "lifespan"
        received.append((await receive())["type"])
        await send({"type": "lifespan.startup.complete"})
        received.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    await asyncio.wait_for(lifespan_of(app), 5)
    assert received == ["lifespan.startup", "lifespan.shutdown"]


async def test_an_application_that_ignores_its_lifespan_holds_up_neither_start_nor_end() -> None:
    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        assert scope["type"] == "lifespan"

    await asyncio.wait_for(lifespan_of(app), 5)
