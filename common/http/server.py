"""A server of ASGI applications that stops without dropping a request.

The protocol code is hypercorn's. hypercorn's own server keeps the descriptor of a client that has
left until the keep-alive time is over, and its grace period differs between Python versions (it is
ignored from 3.12 on), so connections are accepted and closed here.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import Final
from wsgiref.handlers import format_date_time

import structlog
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.typing import AppWrapper, ASGIFramework, LifespanState
from hypercorn.utils import wrap_app

from common.http.connection import HttpConnection
from common.http.listener import BACKLOG, SharedPort, listen
from common.http.middleware import (
    LINGER_S,
    InFlightRequests,
    catch_unhandled_errors,
    drain_request_body,
    http1_only,
)

CLOSE_TIMEOUT_S: Final = 3.0

log = structlog.get_logger()


async def serve_http(
    app: ASGIFramework,
    bind: str | SharedPort,
    stop: asyncio.Event,
    *,
    on_stop: Callable[[], None] = lambda: None,
    drain_s: float = 0,
) -> None:
    """Serve ``app`` on ``bind`` until ``stop`` is set, then finish the requests in flight.

    ``app`` has to read a request before it responds: an error response waits for that.
    ``on_stop`` is called first, so that the application can refuse new requests. The server then
    goes on listening while it drains, and afterwards serves only clients that are connected.
    Returns at the latest ``drain_s + 3 * LINGER_S + CLOSE_TIMEOUT_S`` seconds after ``stop`` was
    set.

    A process that leaves a shared port to others stops listening first: new clients are theirs,
    and those that are connected are served as before until they have disconnected.

    Raises:
        Misconfigured: the address cannot be listened on.
    """
    in_flight = InFlightRequests(http1_only(catch_unhandled_errors(drain_request_body(app))))
    port = SharedPort(bind, listen(bind), _nobody_stays) if isinstance(bind, str) else bind
    config = _Config()
    config.loglevel = "WARNING"
    served = wrap_app(in_flight, config.wsgi_max_body_size, "asgi")
    async with (
        _lifespan(served, config) as state,
        _accepting(served, config, state, port.listener) as stop_listening,
    ):
        log.info("listening", bind=port.bind)
        await stop.wait()
        if await port.others_stay():
            await stop_listening()
            on_stop()
            await in_flight.drain(drain_s)
        else:
            on_stop()
            await in_flight.drain(drain_s)
            await stop_listening()
            await in_flight.drain(LINGER_S)


async def _nobody_stays() -> bool:
    return False


class _Config(Config):
    """A configuration that adds the date to responses (RFC 9110, section 6.6.1) alone."""

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        return [(b"date", _date(int(time.time())))]


@lru_cache(maxsize=1)
def _date(now_s: int) -> bytes:
    return format_date_time(now_s).encode()


@asynccontextmanager
async def _accepting(
    app: AppWrapper, config: Config, state: LifespanState, listener: socket.socket
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Serve each connection; in the end close them, by force after ``CLOSE_TIMEOUT_S`` seconds.

    Yields the function that stops listening. It accepts the clients that the kernel has connected
    by then: the kernel would reset their connections, and they could not tell whether their
    requests were read.
    """
    loop = asyncio.get_running_loop()
    context = WorkerContext(max_requests=None)
    connections: dict[asyncio.Task[None], HttpConnection] = {}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connection = HttpConnection(app, loop, config, context, state, reader, writer)
        connections[task] = connection
        try:
            await connection.run()
        except (asyncio.CancelledError, OSError):
            pass  # closed by force, ours or the system's: asyncio's streams would log a failure
        finally:
            del connections[task]

    backlog = listener.dup()  # stays open when the server closes its own
    server = await asyncio.start_server(connected, sock=listener, backlog=BACKLOG)
    backlog.setblocking(False)

    async def stop_listening() -> None:
        server.close()
        with backlog, suppress(OSError):  # no client is left, or no descriptor for it
            for _ in range(BACKLOG):  # those that come meanwhile are others', on a shared port
                accepted, _ = backlog.accept()
                await loop.connect_accepted_socket(
                    lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(), connected),
                    accepted,
                )

    try:
        yield stop_listening
    finally:
        server.close()
        backlog.close()
        await context.terminated.set()  # connections close after their next response
        await _end(connections)


async def _end(connections: Mapping[asyncio.Task[None], HttpConnection]) -> None:
    """Wait for connections to close, at most ``CLOSE_TIMEOUT_S``, then close them by force."""
    if not connections:
        return
    for connection in connections.values():
        connection.close_if_idle()
    _, open_still = await asyncio.wait(tuple(connections), timeout=CLOSE_TIMEOUT_S)
    for task in open_still:
        connections[task].writer.transport.abort()  # else it waits until its client has read all
        task.cancel()
    await asyncio.gather(*open_still, return_exceptions=True)


@asynccontextmanager
async def _lifespan(app: AppWrapper, config: Config) -> AsyncIterator[LifespanState]:
    """Start the application, and end it."""
    state: LifespanState = {}
    lifespan = Lifespan(app, config, asyncio.get_running_loop(), state)
    running = asyncio.create_task(lifespan.handle_lifespan())
    await lifespan.wait_for_startup()
    try:
        yield state
    finally:
        await lifespan.wait_for_shutdown()
        running.cancel()
        await asyncio.wait((running,))
