"""One connection of a client: its writes, and its keep-alive time."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import pytest
from hypercorn.config import Config
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, LifespanState, Scope

from common.http import connection as http_connection
from common.http.connection import HttpConnection
from common.http.served_application import ServedApplication
from predictmq.local.ports import LOOPBACK
from tests.support.harness.serving import serving

GET: Final = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE: Final = 20_000_000 * b"x"
"""More than the kernel takes from us for a client that does not read."""

Respond = Callable[[], Awaitable[bytes]]


@asynccontextmanager
async def responding(respond: Respond, responded: asyncio.Event) -> AsyncIterator[int]:
    """Serve responses with the body that ``respond`` returns; yields the port."""

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            await receive()
            body = await respond()
            length = (b"content-length", b"%d" % len(body))
            await send({"type": "http.response.start", "status": 200, "headers": [length]})
            await send({"type": "http.response.body", "body": body, "more_body": False})
            responded.set()

    async with serving(app) as port:
        yield port


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[socket.socket]:
    """Connect a client; yields its socket, which does not block."""
    with socket.socket() as client:
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, (LOOPBACK, port))
        yield client


async def received(client: socket.socket, at_most: int = 2**16) -> bytes:
    """Return bytes that have arrived; none once the server has closed."""
    async with asyncio.timeout(20):
        return await asyncio.get_running_loop().sock_recv(client, at_most)


class Transport(asyncio.Transport):
    """A transport that records what is written in one call."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))


async def test_the_head_and_the_body_of_a_response_leave_in_one_write() -> None:
    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        length = (b"content-length", b"4")
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": b"bo", "more_body": True})
        await send({"type": "http.response.body", "body": b"dy", "more_body": False})

    served = ServedApplication(app, Config(), LifespanState())
    connection, transport = HttpConnection(served, set()), Transport()
    connection.connection_made(transport)
    for _ in range(2):
        connection.data_received(GET)
        await asyncio.wait(tuple(served.in_flight))
        (response,) = transport.written
        assert response.startswith(b"HTTP/1.1 200")
        assert response.endswith(b"\r\n\r\nbody")
        transport.written.clear()
    connection.connection_lost(None)


async def test_an_idle_connection_is_closed_and_one_with_a_request_in_flight_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_connection, "KEEP_ALIVE_S", 0.1)
    idle_was_closed = asyncio.Event()

    async def respond() -> bytes:
        await idle_was_closed.wait()
        return b"late"

    async with responding(respond, asyncio.Event()) as port, connected(port) as busy:
        await asyncio.get_running_loop().sock_sendall(busy, GET)
        async with connected(port) as idle:
            assert await received(idle) == b""
        idle_was_closed.set()
        assert (await received(busy)).endswith(b"late")
        assert await received(busy) == b""


async def test_a_response_is_in_flight_until_its_client_has_read_it() -> None:
    async def respond() -> bytes:
        return LARGE

    responded = asyncio.Event()
    async with responding(respond, responded) as port, connected(port) as client:
        await asyncio.get_running_loop().sock_sendall(client, GET)
        read = len(await received(client))
        waiting = asyncio.create_task(responded.wait())
        await asyncio.wait((waiting,), timeout=0.2)
        assert not responded.is_set()
        while read < len(LARGE):
            read += len(await received(client, 2**20))
        await asyncio.wait_for(waiting, 20)
