"""One client connected to an application by a connection of the server, without the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from hypercorn.config import Config
from hypercorn.typing import ASGIFramework, LifespanState

from common.http.connection import HttpConnection
from common.http.served_application import ServedApplication
from predictmq.local.ports import LOOPBACK


@dataclass
class Client:
    """The client's end; ``served`` and ``connections`` are at the server's."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    served: ServedApplication
    connections: set[HttpConnection]

    async def head(self) -> bytes:
        """Return the head of the next response."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def response(self) -> bytes:
        """Return the body of the next response, which has a length."""
        fields = dict(line.split(b": ", 1) for line in (await self.head()).split(b"\r\n")[1:-2])
        return await self.reader.readexactly(int(fields[b"content-length"]))

    async def rest(self) -> bytes:
        """Return everything until the server closes."""
        return await self.reader.read()


class Tasks(set[asyncio.Task[None]]):
    """Tasks of requests, of which each that there has been is kept in ``all``."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[asyncio.Task[None]] = []

    def add(self, task: asyncio.Task[None]) -> None:
        super().add(task)
        self.all.append(task)


@asynccontextmanager
async def connected(app: ASGIFramework) -> AsyncIterator[Client]:
    """Connect a client to ``app``, for ten seconds; in the end no request is in flight.

    None of their tasks has failed, whatever the client has sent and the application has done.
    """
    served = ServedApplication(app, Config(), LifespanState())
    served.in_flight = tasks = Tasks()
    connections: set[HttpConnection] = set()
    connect = partial(HttpConnection, served, connections)
    server = await asyncio.get_running_loop().create_server(connect, LOOPBACK, 0)
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield Client(reader, writer, served, connections)
        server.close()
        writer.close()
        with suppress(ConnectionError):  # a connection that the server has aborted
            await writer.wait_closed()
        ends = [*served.in_flight, *(connection.closed for connection in connections)]
        if ends:
            await asyncio.wait(ends)
    assert all(task.exception() is None for task in tasks.all)
