"""A server of ASGI applications that stops without dropping a request.

hypercorn has the lifespan, the rules of ASGI and its configuration. Its own server keeps the
descriptor of a client that has left until the keep-alive time is over, and its grace period differs
between Python versions (it is ignored from 3.12 on), so connections are accepted and closed here.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

import structlog
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework, LifespanState
from hypercorn.utils import wrap_app

from common.http.connection import HttpConnection
from common.http.listener import BACKLOG, SharedPort, listen
from common.http.served_application import ServedApplication

CLOSE_TIMEOUT_S: Final = 3.0

LINGER_S: Final = 0.5
"""The time for which a drained server still responds with 503: a client that has just got its
response has the next request on the way, and would otherwise meet a connection that is reset."""

log = structlog.get_logger()


async def serve_http(
    app: ASGIFramework,
    binds: tuple[str, ...] | SharedPort,
    stop: asyncio.Event,
    *,
    on_stop: Callable[[], None] = lambda: None,
    drain_s: float = 0,
) -> None:
    """Serve ``app`` on ``binds`` until ``stop`` is set, then finish the requests in flight.

    ``on_stop`` is called first, so that the application can refuse new requests. The server then
    goes on listening while it drains, and afterwards serves only clients that are connected.
    Returns at the latest ``drain_s + 3 * LINGER_S + CLOSE_TIMEOUT_S`` seconds after ``stop`` was
    set.

    A process that leaves a shared port to others stops listening first: new clients are theirs,
    and those that are connected are served as before until they have disconnected.

    Raises:
        Misconfigured: an address cannot be listened on.
    """
    port = SharedPort(listen(binds), _nobody_stays) if isinstance(binds, tuple) else binds
    config = Config()
    config.loglevel = "WARNING"
    async with (
        _lifespan(app, config) as served,
        _accepting(served, port.listeners) as stop_listening,
    ):
        log.info("listening", bind=",".join(map(_address, port.listeners)))
        await stop.wait()
        if await port.others_stay():
            await stop_listening()
            on_stop()
            await served.drain(drain_s)
        else:
            on_stop()
            await served.drain(drain_s)
            await asyncio.sleep(LINGER_S)
            await stop_listening()
            await served.drain(LINGER_S)
        await asyncio.sleep(LINGER_S)


def _address(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"[{host}]:{port}" if listener.family == socket.AF_INET6 else f"{host}:{port}"


async def _nobody_stays() -> bool:
    return False


@asynccontextmanager
async def _accepting(
    served: ServedApplication, listeners: tuple[socket.socket, ...]
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Serve each connection; in the end close them, by force after ``CLOSE_TIMEOUT_S`` seconds.

    Yields the function that stops listening. It accepts the clients that the kernel has connected
    by then: the kernel would reset their connections, and they could not tell whether their
    requests were read.
    """
    loop = asyncio.get_running_loop()
    connections: set[HttpConnection] = set()
    connect = partial(HttpConnection, served, connections)
    backlogs = [each.dup() for each in listeners]  # stay open when the servers close their own
    servers = [await loop.create_server(connect, sock=each, backlog=BACKLOG) for each in listeners]

    async def stop_listening() -> None:
        for server in servers:
            server.close()
        for backlog in backlogs:
            with backlog:
                await _accept_waiting(backlog, connect)

    try:
        yield stop_listening
    finally:
        for server in servers:
            server.close()
        for backlog in backlogs:
            backlog.close()
        served.is_draining = True  # connections close after their next response
        await _end(served, connections)


async def _accept_waiting(backlog: socket.socket, connect: Callable[[], HttpConnection]) -> None:
    """Accept the clients that wait; those that come meanwhile are others', on a shared port."""
    loop = asyncio.get_running_loop()
    backlog.setblocking(False)
    with suppress(OSError):  # no client is left, or no descriptor for it
        for _ in range(BACKLOG):
            accepted, _ = backlog.accept()
            await loop.connect_accepted_socket(connect, accepted)


async def _end(served: ServedApplication, connections: set[HttpConnection]) -> None:
    """Wait for connections to close, at most ``CLOSE_TIMEOUT_S``, then close them by force."""
    for connection in tuple(connections):
        connection.close_if_idle()
    ends = {connection.closed for connection in connections} | served.in_flight
    if ends:
        await asyncio.wait(ends, timeout=CLOSE_TIMEOUT_S)
    for connection in tuple(connections):
        connection.abort()
    for task in served.in_flight:
        task.cancel()
    await asyncio.gather(*ends, return_exceptions=True)


@asynccontextmanager
async def _lifespan(app: ASGIFramework, config: Config) -> AsyncIterator[ServedApplication]:
    """Start the application, and end it."""
    state: LifespanState = {}
    wrapped = wrap_app(app, config.wsgi_max_body_size, "asgi")
    lifespan = Lifespan(wrapped, config, asyncio.get_running_loop(), state)
    running = asyncio.create_task(lifespan.handle_lifespan())
    await lifespan.wait_for_startup()
    try:
        yield ServedApplication(app, config, state)
    finally:
        await lifespan.wait_for_shutdown()
        running.cancel()
        await asyncio.wait((running,))
