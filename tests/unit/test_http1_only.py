"""Whoever speaks something else than HTTP/1.1 is told so."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from common.http1_only import REFUSAL
from common.http_server import serve_http
from tests.local.ports import LOOPBACK, free_port, is_open
from tests.support.waiting import until

UPGRADE = (
    b"GET /predict HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def connection() -> AsyncIterator[Streams]:
    """A connection to a server whose application must not be asked."""

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        assert scope["type"] == "lifespan"

    async def listens() -> bool:
        return is_open(LOOPBACK, port)

    port, stop = free_port(), asyncio.Event()
    serving = asyncio.create_task(serve_http(app, f"{LOOPBACK}:{port}", stop))
    await until(listens, lambda: "it listens")
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    async with asyncio.timeout(20):
        yield reader, writer
        writer.close()
        await writer.wait_closed()
        stop.set()
        await serving


async def test_a_client_of_http2_is_refused_in_a_sentence(connection: Streams) -> None:
    reader, writer = connection
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    head = {":method": "GET", ":path": "/predict", ":scheme": "http", ":authority": "x"}
    client.send_headers(1, list(head.items()), end_stream=True)
    writer.write(client.data_to_send())
    events: list[object] = []
    while not any(isinstance(event, StreamEnded) for event in events):
        events += client.receive_data(await reader.read(65_536))
    (response,) = (event for event in events if isinstance(event, ResponseReceived))
    assert dict(response.headers or [])[b":status"] == b"505"
    assert b"".join(e.data or b"" for e in events if isinstance(e, DataReceived)) == REFUSAL


async def test_a_websocket_is_refused_in_a_sentence(connection: Streams) -> None:
    reader, writer = connection
    writer.write(UPGRADE)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 505 ")
    assert REFUSAL in head + await reader.read(len(REFUSAL) + 20)
