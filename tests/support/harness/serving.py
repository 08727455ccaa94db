"""An ASGI application behind the real HTTP server, in the test's own process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hypercorn.typing import ASGIFramework

from common.http.server import serve_http
from predictmq.local.ports import LOOPBACK, free_port, is_open
from tests.support.harness.waiting import until


@asynccontextmanager
async def serving(app: ASGIFramework) -> AsyncIterator[int]:
    """Serve ``app``; yields the port on loopback, and ends the server."""
    port, stop = free_port(), asyncio.Event()

    async def listens() -> bool:
        return is_open(LOOPBACK, port)

    served = asyncio.create_task(serve_http(app, (f"{LOOPBACK}:{port}",), stop))
    await until(listens, lambda: "it listens")
    async with asyncio.timeout(20):
        try:
            yield port
        finally:
            stop.set()
            await served


async def exchange(port: int, request: bytes) -> bytes:
    """Send ``request`` unchanged; returns all bytes until the server closes."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(request)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
