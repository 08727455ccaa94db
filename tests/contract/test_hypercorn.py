"""Assumptions of ``common/http`` about the inside of hypercorn."""

import asyncio
from typing import Final

import pytest
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Closed, RawData, Updated
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    LifespanState,
    Scope,
)
from hypercorn.utils import UnexpectedMessageError, wrap_app

from common.http import connection as http_connection
from tests.contract.harness.http_connections import Application, DatedConfig, served
from tests.contract.harness.signatures import signature, signatures
from tests.support.harness.waiting import until

pytestmark = pytest.mark.usefixtures("bounded")

GET: Final = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST: Final = b"POST / HTTP/1.1\r\nHost: x\r\nX-Case: Kept\r\nContent-Length: 4\r\n\r\nbody"


def test_the_methods_that_are_overridden_or_called_have_these_signatures() -> None:
    assert signatures(
        TCPServer, "__init__", "run", "protocol_send", "_read_data", "_idle_timeout", "_close"
    ) == {
        "__init__": "(self, app, loop, config, context, state, reader, writer)",
        "run": "async (self)",
        "protocol_send": "async (self, event)",
        "_read_data": "async (self)",
        "_idle_timeout": "async (self)",
        "_close": "async (self)",
    }
    assert signatures(
        Lifespan, "__init__", "handle_lifespan", "wait_for_startup", "wait_for_shutdown"
    ) == {
        "__init__": "(self, app, config, loop, lifespan_state)",
        "handle_lifespan": "async (self)",
        "wait_for_startup": "async (self)",
        "wait_for_shutdown": "async (self)",
    }
    assert signature(WorkerContext) == "(max_requests)"
    assert signature(Config.response_headers) == "(self, protocol)"
    assert signature(wrap_app) == "(app, wsgi_max_body_size, mode)"


async def test_a_request_makes_a_connection_busy_and_its_response_makes_it_idle() -> None:
    async with served(Application()) as client:

        async def is_idle() -> bool:
            return client.connection.events[-1:] == [Updated(idle=True)]

        for _ in range(2):
            client.connection.events.clear()
            client.writer.write(GET)
            sent = await client.response()
            await until(is_idle, lambda: "the connection is idle")
            busy, *data, idle = client.connection.events
            assert (busy, idle) == (Updated(idle=False), Updated(idle=True))
            assert sent == b"".join(each.data for each in data if isinstance(each, RawData))


async def test_the_keep_alive_task_starts_once_and_the_connection_outlives_it() -> None:
    async with served(Application()) as client:
        for _ in range(2):
            client.writer.write(GET)
            await client.response()
        assert client.connection.ran == ["_idle_timeout"]


async def test_a_keep_alive_that_ends_closes_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_connection, "KEEP_ALIVE_S", 0.01)
    async with served(Application()) as client:
        client.writer.write(GET)
        await client.response()
        assert await client.reader.read() == b""
        await client.ended.wait()
        assert client.connection.ran == ["_idle_timeout", "_read_data", "_close"]


async def test_a_client_that_leaves_ends_the_reading_and_disconnects_the_application() -> None:
    app = Application()
    async with served(app) as client:
        client.writer.write(GET)
        await client.response()
        client.writer.close()
        await client.ended.wait()
        assert client.connection.ran == ["_idle_timeout", "_read_data", "_close"]
    assert app.received[-1]["type"] == "http.disconnect"


async def test_a_terminated_context_closes_a_connection_after_its_response() -> None:
    async with served(Application()) as client:
        await client.context.terminated.set()
        client.writer.write(GET)
        assert (await client.reader.read()).endswith(b"pong")
        assert client.connection.events[-1] == Closed()


async def test_an_application_is_given_every_field_that_the_middleware_reads() -> None:
    app = Application()
    async with served(app) as client:
        client.writer.write(POST)
        response = await client.response()
    (scope,) = app.scopes
    assert scope["type"] == "http"
    assert (scope["http_version"], scope["method"], scope["path"]) == ("1.1", "POST", "/")
    assert (b"x-case", b"Kept") in scope["headers"]  # names in lower case
    *parts, _ = app.received
    assert b"".join(part["body"] for part in parts) == b"body"
    assert [part["more_body"] for part in parts] == [*[True] * (len(parts) - 1), False]
    head, _, _ = response.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [b"HTTP/1.1 200 ", b"content-length: 4", b"date: h11"]


async def test_a_second_response_to_a_request_is_an_unexpected_message() -> None:
    raised: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await Application()(scope, receive, send)
        try:
            await send({"type": "http.response.start", "status": 500, "headers": []})
        except UnexpectedMessageError as exc:
            raised.set_result(exc)

    async with served(app) as client:
        client.writer.write(GET)
        await client.response()
        client.writer.close()
        assert isinstance(await raised, UnexpectedMessageError)


async def lifespan_of(app: ASGIFramework) -> None:
    """Start and end an application, as ``common/http/server.py`` does."""
    config = DatedConfig()
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
