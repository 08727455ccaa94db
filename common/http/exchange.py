"""One request and its response, between a connection and the application.

hypercorn's stream has the rules of ASGI; the application runs in the one task of the request.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import Any, Final, Protocol, cast

import structlog
from hypercorn.protocol.events import Body, EndBody, Event, Request, Response
from hypercorn.typing import ASGIReceiveEvent, HTTPScope
from hypercorn.utils import UnexpectedMessageError

from common.errors import InternalError
from common.http.error_response import send_error
from common.http.request_head import RequestHead
from common.http.response_writer import CONTINUE, ResponseWriter
from common.http.served_application import STREAM_ID, ServedApplication
from common.telemetry.correlation import correlation_id

ON_DISCONNECT: Final = "predictmq.on_disconnect"
"""An ASGI extension: ``scope["extensions"][ON_DISCONNECT](callback)`` has ``callback()`` called
once, if the client leaves before the response has ended; at once if it has left already. None
takes the callback back. It spares the application a task that waits for ``http.disconnect``, which
is sent as well."""

log = structlog.get_logger()


class Client(Protocol):
    """The connection to the client."""

    address: tuple[str, int] | None
    server_address: tuple[str, int] | None

    async def write(self, data: bytes) -> None:
        """Send bytes; returns when more can be taken, or the client has left."""

    def limit_reading(self) -> None:
        """Pause reading while too many bytes are held; go on when they are not."""

    def response_ended(self, *, keeps_alive: bool) -> None:
        """Go on to the next request, or close."""


class Exchange:
    """The ``receive`` and ``send`` of the application for one request (ASGI)."""

    def __init__(
        self, served: ServedApplication, client: Client, head: RequestHead, context: Context
    ) -> None:
        self.head = head
        self.is_over = False
        self.unread_bytes = 0
        self._served = served
        self._client = client
        self._stream = served.open_stream(client.address, client.server_address, self._send)
        self._writer = ResponseWriter(head.method, head.version, keeps_alive=head.keeps_alive)
        self._parts: list[bytes] = []
        self._has_body_ended = False
        self._is_body_received = False
        self._awaits_continue = head.expects_continue
        self._has_begun = False
        self._has_left = False
        self._on_disconnect: Callable[[], None] | None = None
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._run(), context=context)
        served.in_flight.add(self._task)

    @property
    def allows_interim_response(self) -> bool:
        """True before the response to a client of HTTP/1.1."""
        return self.head.version == "1.1" and not (self._has_begun or self.is_over)

    @property
    def is_streaming(self) -> bool:
        """True amid a response without a length, such as a stream of events."""
        return self._has_begun and self._writer.left_bytes is None

    def body_arrived(self, data: bytes, *, is_last: bool) -> None:
        """Keep a part of the body until the application receives it."""
        self._has_body_ended = is_last
        if data and not self.is_over:
            self._parts.append(data)
            self.unread_bytes += len(data)
        if data or is_last:
            self._awaits_continue = False
            self._changed.set()

    def client_left(self) -> None:
        """Let the application know that nobody reads its response."""
        self._has_left = True
        self._changed.set()
        if callback := self._on_disconnect:
            self._on_disconnect = None
            callback()

    def abandon(self) -> bool:
        """End the exchange amid its request; returns True if the response has not begun."""
        self._set_over()
        self.client_left()
        return not self._has_begun

    async def _run(self) -> None:
        head = self.head
        request = Request(
            STREAM_ID, head.fields, head.version, head.method, head.target, self._served.state
        )
        try:
            await self._stream.handle(request)
            await self._respond(self._stream.scope)
        finally:
            self._served.in_flight.discard(self._task)
            if not self.is_over:
                self._end(keeps_alive=False)
            del self._stream  # a cycle, which would be left to the garbage collector

    async def _respond(self, scope: HTTPScope) -> None:
        """Run the application, and respond in its place if it fails or returns too early.

        Amid a response the connection ends instead, so that the client learns that the rest is
        missing.
        """
        cast(dict[str, Any], scope["extensions"])[ON_DISCONNECT] = self._register
        send = self._stream.app_send
        try:
            await self._served.app(scope, self._receive, send)
        except Exception:
            log.exception(
                "unexpected failure",
                correlation_id=correlation_id(),
                method=scope["method"],
                path=scope["path"],
            )
        if not (self.is_over or self._has_left):
            with suppress(UnexpectedMessageError):  # the response has begun
                await send_error(scope, send, 500, InternalError.code, InternalError().sentence)

    def _register(self, callback: Callable[[], None] | None) -> None:
        if callback is not None and self._has_left:
            callback()
        else:
            self._on_disconnect = callback

    async def _receive(self) -> ASGIReceiveEvent:
        if self._awaits_continue:
            self._awaits_continue = False
            await self._client.write(CONTINUE)
        while not (self._has_news() or self._has_left or self.is_over):
            self._changed.clear()
            await self._changed.wait()
        if not self._has_news():
            return {"type": "http.disconnect"}
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self.unread_bytes = 0
        self._is_body_received = self._has_body_ended
        self._client.limit_reading()
        return {"type": "http.request", "body": body, "more_body": not self._is_body_received}

    def _has_news(self) -> bool:
        """Return True if there is a part of the body, or its end, to receive."""
        return not (self.is_over or self._is_body_received) and (
            self._has_body_ended or bool(self._parts)
        )

    async def _send(self, event: Event) -> None:
        """Send what hypercorn's stream makes of an event of the application."""
        if self.is_over:
            return
        if isinstance(event, Response):
            if self._awaits_continue or self._served.is_draining:
                self._writer.keeps_alive = False
            self._awaits_continue = False
            head = self._writer.start(event.status_code, event.headers)
            self._has_begun = True
            await self._client.write(head)
        elif isinstance(event, Body):
            await self._client.write(self._writer.body(event.data))
        elif isinstance(event, EndBody):
            if end := self._writer.end():
                await self._client.write(end)
        else:
            self._end(keeps_alive=self._writer.keeps_alive)

    def _end(self, *, keeps_alive: bool) -> None:
        self._on_disconnect = None
        self._set_over()
        self._client.response_ended(keeps_alive=keeps_alive)

    def _set_over(self) -> None:
        self.is_over = True
        self._awaits_continue = False
        self._parts.clear()
        self.unread_bytes = 0
        self._changed.set()
