"""The end of the HTTP server, in time whatever its clients do."""

import asyncio
import socket
import time
from typing import Final

import pytest
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from common.http import server as http_server
from common.http.server import LINGER_S, serve_http
from predictmq.local.ports import LOOPBACK, free_port
from tests.support.harness.waiting import until

LARGE: Final = 20_000_000 * b"x"
"""More than the kernel takes from us for a client that does not read."""


async def test_a_client_that_does_not_read_its_response_does_not_delay_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_server, "CLOSE_TIMEOUT_S", 0.1)
    port, stop, answering = free_port(), asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            await receive()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            answering.set()
            await send({"type": "http.response.body", "body": LARGE, "more_body": False})

    async def listens() -> bool:
        return client.connect_ex((LOOPBACK, port)) == 0

    serving = asyncio.create_task(serve_http(app, (f"{LOOPBACK}:{port}",), stop))
    with socket.socket() as client:
        await until(listens, lambda: "it listens")
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await answering.wait()
        started_s = time.monotonic()
        stop.set()
        async with asyncio.timeout(20):
            await serving
    assert time.monotonic() - started_s < 3 * LINGER_S + 2
    assert not caplog.records
