"""The ASGI middleware around both services, in the order in which it nests.

Outermost first: ``InFlightRequests`` counts requests, ``http1_only`` refuses other protocols,
``catch_unhandled_errors`` answers for an application that failed, ``drain_request_body`` lets an
error response arrive.
"""

import asyncio
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import structlog
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)
from hypercorn.utils import UnexpectedMessageError

from common.errors import InternalError
from common.http.error_response import send_error
from common.telemetry.correlation import correlation_id

LINGER_S: Final = 0.5
"""The time for which a drained server still responds with 503: a client that has just got its
response has the next request on the way, and would otherwise meet a connection that is reset."""

OTHER_PROTOCOL: Final = (505, "http_version_not_supported", "This server speaks HTTP/1.1 only.")
NO_TARGET: Final = (400, "bad_request", "The request names no path that begins with a slash.")

UNREAD_BODY_TIMEOUT_S: Final = 5.0
"""The time to read the rest of a refused request, so that its client can read the response."""

log = structlog.get_logger()


class InFlightRequests:
    """The count of requests in flight; once draining, responses ask clients to disconnect."""

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
        """Wait until no request is in flight, at most ``timeout_s`` seconds, then linger."""
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


def http1_only(app: ASGIFramework) -> ASGIFramework:
    """Wrap ``app``: respond to HTTP/2 and WebSocket requests with an error.

    hypercorn speaks both. Responses that a client of HTTP/2 leaves unread are not bounded by the
    system, so they would be kept for as long as that client stays.
    """

    async def wrapped(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "websocket" or (
            scope["type"] == "http" and scope["http_version"] not in ("1.0", "1.1")
        ):
            await send_error(scope, send, *OTHER_PROTOCOL)
        elif scope["type"] == "http" and not _is_target(scope["path"]):
            await send_error(scope, send, *NO_TARGET)
        else:
            await app(scope, receive, send)

    return wrapped


def _is_target(path: str) -> bool:
    """Return True if ``path`` is a path, a whole URL or ``*`` (RFC 9112, section 3.2)."""
    if path.startswith("/") or path == "*":
        return True
    try:
        return urlsplit(path).netloc != ""
    except ValueError:
        return False


def catch_unhandled_errors(app: ASGIFramework) -> ASGIFramework:
    """Wrap ``app``: turn an unhandled exception into a 500 response and one log line.

    Amid a response the exception ends the connection instead, so that the client learns that the
    rest is missing.
    """

    async def wrapped(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            if scope["type"] != "http":
                raise
            log.exception(
                "unexpected failure",
                correlation_id=correlation_id(),
                method=scope["method"],
                path=scope["path"],
            )
            with suppress(UnexpectedMessageError):  # the response has begun
                await send_error(scope, send, 500, InternalError.code, InternalError().sentence)

    return wrapped


def drain_request_body(app: ASGIFramework) -> ASGIFramework:
    """Wrap ``app``: read a request's body to its end, or for a bounded time, before an error.

    The bytes read then are dropped. A socket that is closed with bytes unread resets the
    connection, and the client may lose the response (RFC 9112, section 9.6).
    """

    async def wrapped(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        body_read = asyncio.Event()
        has_responded = False

        async def receive_until_end() -> ASGIReceiveEvent:
            event = await receive()
            if event["type"] != "http.request" or not event["more_body"]:
                body_read.set()
            if event["type"] == "http.request" and has_responded:
                event["body"] = b""
            return event

        async def send_after_body(event: ASGISendEvent) -> None:
            nonlocal has_responded
            has_responded = True
            if event["type"] == "http.response.start" and event["status"] >= 400:
                with suppress(TimeoutError):
                    async with asyncio.timeout(UNREAD_BODY_TIMEOUT_S):
                        await body_read.wait()
            await send(event)

        await app(scope, receive_until_end, send_after_body)

    return wrapped
