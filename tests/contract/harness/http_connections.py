"""Connections to applications behind hypercorn's protocol code, with a record of what it does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Event
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    LifespanState,
    Scope,
)
from hypercorn.utils import wrap_app

from common.http.connection import HttpConnection
from predictmq.local.ports import LOOPBACK


class DatedConfig(Config):
    """A configuration that sets the headers which the server adds to each response."""

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        return [(b"date", protocol.encode())]


class Recorded(HttpConnection):
    """A connection that records which events it is sent, and which of its methods have run."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.events: list[Event] = []
        self.ran: list[str] = []

    async def protocol_send(self, event: Event) -> None:
        self.events.append(event)
        await super().protocol_send(event)

    async def _idle_timeout(self) -> None:
        await super()._idle_timeout()
        self.ran.append("_idle_timeout")

    async def _read_data(self) -> None:
        await super()._read_data()
        self.ran.append("_read_data")

    async def _close(self) -> None:
        await super()._close()
        self.ran.append("_close")


@dataclass
class Application:
    """An application that answers ``pong``, and records what it is called with."""

    scopes: list[Scope] = field(default_factory=list)
    received: list[Any] = field(default_factory=list)

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        self.scopes.append(scope)
        while True:
            self.received.append(await receive())
            if not self.received[-1]["more_body"]:
                break
        headers = [(b"content-length", b"4")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"pong", "more_body": False})
        self.received.append(await receive())


@dataclass
class Served:
    """A client's streams, and the connection at the server's end."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    connection: Recorded
    context: WorkerContext
    ended: asyncio.Event

    async def response(self) -> bytes:
        """Return the bytes of a response that ends in ``pong``."""
        return await self.reader.readuntil(b"pong")


@asynccontextmanager
async def served(app: ASGIFramework) -> AsyncIterator[Served]:
    """Connect a client to ``app``, as ``common/http/server.py`` does."""
    loop, config, context = asyncio.get_running_loop(), DatedConfig(), WorkerContext(None)
    wrapped = wrap_app(app, config.wsgi_max_body_size, "asgi")
    connections: asyncio.Queue[Recorded] = asyncio.Queue()
    ended = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Recorded(wrapped, loop, config, context, LifespanState(), reader, writer)
        connections.put_nowait(connection)
        await connection.run()
        ended.set()

    async with await asyncio.start_server(connected, LOOPBACK, 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield Served(reader, writer, await connections.get(), context, ended)
        writer.close()
        await asyncio.wait_for(ended.wait(), 5)
