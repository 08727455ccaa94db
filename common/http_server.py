"""Serve an ASGI application with hypercorn, and stop without dropping a request.

hypercorn's own grace period differs between Python versions (it is ignored from 3.12 on), so
requests under way are counted and waited for here, and hypercorn only closes what is idle.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog
from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)

from common.errors import Misconfigured

BACKLOG: Final = 2048
KEEP_ALIVE_S: Final = 65
"""Longer than the 60 s after which common load balancers drop idle connections."""

LINGER_S: Final = 0.5
"""How long a drained server goes on refusing: a client that was just answered has its next
request on the way, and should meet a 503, not a connection that is reset."""

CLOSE_TIMEOUT_S: Final = 3.0

UNREAD_BODY_TIMEOUT_S: Final = 5.0
"""How long a refused body goes on being read, so that its sender gets to read why."""

log = structlog.get_logger()


class _InFlight:
    """Counts the requests under way; once draining, tells clients to go elsewhere."""

    def __init__(self, app: ASGIFramework) -> None:
        self._app = app
        self._count = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        self._count += 1
        self._idle.clear()
        try:
            await self._app(scope, receive, self._closing(send))
        finally:
            self._count -= 1
            if not self._count:
                self._idle.set()

    async def drain(self, timeout_s: float) -> None:
        """Wait until nothing is under way, at most ``timeout_s`` seconds, then linger."""
        self._draining = True
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("requests left unanswered", count=self._count)
        await asyncio.sleep(LINGER_S)

    def _closing(self, send: ASGISendCallable) -> ASGISendCallable:
        async def send_and_close(event: ASGISendEvent) -> None:
            if self._draining and event["type"] == "http.response.start":
                event["headers"] = [*event.get("headers", []), (b"connection", b"close")]
            await send(event)

        return send_and_close


def _body_first(app: ASGIFramework) -> ASGIFramework:
    """Read a request's body to its end before an error is answered, or for a bounded time.

    What is read then is dropped at once.

    A socket closed with bytes unread resets the connection, and the client may lose the answer
    (RFC 9112, section 9.6).
    """

    async def reading(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        body_read = asyncio.Event()
        answered = False

        async def receive_and_see() -> ASGIReceiveEvent:
            event = await receive()
            if event["type"] != "http.request" or not event["more_body"]:
                body_read.set()
            if event["type"] == "http.request" and answered:
                event["body"] = b""
            return event

        async def send_after_body(event: ASGISendEvent) -> None:
            nonlocal answered
            answered = True
            if event["type"] == "http.response.start" and event["status"] >= 400:
                with suppress(TimeoutError):
                    async with asyncio.timeout(UNREAD_BODY_TIMEOUT_S):
                        await body_read.wait()
            await send(event)

        await app(scope, receive_and_see, send_after_body)

    return reading


async def serve_http(
    app: ASGIFramework,
    bind: str,
    stop: asyncio.Event,
    *,
    on_stop: Callable[[], None] = lambda: None,
    drain_s: float = 0,
) -> None:
    """Serve ``app`` on ``bind`` until ``stop`` is set, then finish what is under way.

    ``app`` reads a request before it answers it: an error waits until that is done.
    ``on_stop`` is called first: what it makes the application refuse is answered so.
    Returns at the latest ``drain_s + LINGER_S + CLOSE_TIMEOUT_S`` seconds after ``stop`` was set.

    Raises:
        Misconfigured: the address cannot be listened on.
    """
    in_flight = _InFlight(_body_first(app))
    drained = asyncio.Event()

    async def shutdown_trigger() -> None:
        await stop.wait()
        on_stop()
        await in_flight.drain(drain_s)
        drained.set()

    config = Config()
    config.bind = [f"fd://{_listen(bind)}"]
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.include_server_header = False
    config.loglevel = "WARNING"
    log.info("listening", bind=bind)
    serving = asyncio.create_task(serve(in_flight, config, shutdown_trigger=shutdown_trigger))
    watching = asyncio.create_task(drained.wait())
    try:
        await asyncio.wait((serving, watching), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((serving,), timeout=CLOSE_TIMEOUT_S)
    finally:
        serving.cancel()
        watching.cancel()
        await asyncio.wait((serving, watching))
    if not serving.cancelled():
        serving.result()


def _listen(bind: str) -> int:
    """Listen on ``host:port``; returns the file descriptor, which the server owns."""
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server(
            (host.strip("[]"), int(port)), family=family, backlog=BACKLOG
        )
    except OSError as exc:
        raise Misconfigured(
            f"cannot listen on {bind}: {exc.strerror or exc}; stop what uses it or choose "
            f"another address."
        ) from exc
    return listener.detach()
