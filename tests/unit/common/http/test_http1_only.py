"""Responses to protocols other than HTTP/1.1."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from structlog.testing import capture_logs

from predictmq.local.ports import LOOPBACK
from tests.support.harness.serving import exchange, serving

UPGRADE = (
    b"GET /predict HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

REFUSAL = b'{"error": "This server speaks HTTP/1.1 only."}'

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def silent(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """An application that must not get a request."""
    assert scope["type"] == "lifespan"


@pytest.fixture
async def connection() -> AsyncIterator[Streams]:
    async with serving(silent) as port:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        yield reader, writer
        writer.close()
        await writer.wait_closed()


async def test_a_request_of_http2_is_refused_in_a_sentence(connection: Streams) -> None:
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


async def test_a_websocket_is_refused_in_the_media_type_that_it_prefers_and_logged() -> None:
    async with serving(silent) as port:
        accept = b"\r\nAccept: application/problem+json\r\n\r\n"
        with capture_logs() as lines:
            answer = await exchange(port, UPGRADE.replace(b"\r\n\r\n", accept))
    head, _, body = answer.partition(b"\r\n\r\n")
    problem = json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])
    assert (problem["status"], problem["code"]) == (505, "http_version_not_supported")
    assert b"content-type: application/problem+json" in head
    assert b"correlation-id: %b" % problem["correlation_id"].encode() in head
    assert [line.get("correlation_id") for line in lines if line["event"] == "request"] == [
        problem["correlation_id"]
    ]
