"""One HTTP request over ASGI: its handler runs in the task of the request.

The handler is cancelled when the client disconnects. A complete body is sent in one event with the
end of the response.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol, cast

from hypercorn.typing import ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, ASGISendEvent
from quart import Response
from quart.asgi import ASGIHTTPConnection
from quart.typing import ResponseTypes
from quart.wrappers.response import DataBody

from common.http.exchange import ON_DISCONNECT
from common.http.listener import ANSWER_TIMEOUT_S, SYSTEM_BOUNDS_ANSWERS
from gateway.web.body import RequestBody
from gateway.web.request import GatewayRequest
from gateway.web.response import BytesResponse, GatewayResponse

SEND_TIMEOUT_S: Final = None if SYSTEM_BOUNDS_ANSWERS else ANSWER_TIMEOUT_S
"""Time for sending a response, unless this is a stream of events, which may take any time."""

MAX_READ_AHEAD: Final = 10
"""Events that are kept for a handler that does not read its body yet."""


class Responder(Protocol):
    """An application that responds to the requests of an ``AsgiConnection``."""

    max_body_bytes: int

    async def respond(self, request: GatewayRequest) -> GatewayResponse: ...


class AsgiConnection(ASGIHTTPConnection):
    """One request to a ``GatewayApp``; its handler is cancelled if the client disconnects."""

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Respond to the request.

        Raises:
            CancelledError: the task was cancelled, and not for the client's disconnect.
        """
        handling = asyncio.current_task()
        assert handling is not None
        has_left = False

        def cancel_handler() -> None:
            nonlocal has_left
            if not has_left:
                has_left = True
                handling.cancel()

        extensions = cast(dict[str, Any], self.scope.get("extensions") or {})
        listen = extensions.get(ON_DISCONNECT)
        if listen is None:
            watcher = DisconnectWatcher(receive, send)
            listen, receive, send = watcher.listen, watcher.receive, watcher.send
        listen(cancel_handler)
        try:
            await self._respond(receive, send, cancel_handler)
        except asyncio.CancelledError:
            if not has_left or handling.uncancel():
                raise
        finally:
            listen(None)

    async def _respond(
        self,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        cancel_handler: Callable[[], None],
    ) -> None:
        app = cast(Responder, self.app)
        body = RequestBody(receive, cancel_handler, app.max_body_bytes)
        request = GatewayRequest(self.scope, body, lambda: self._create_request_from_scope(send))
        response = await app.respond(request)
        if SEND_TIMEOUT_S is None or (isinstance(response, Response) and response.timeout is None):
            await self._send(send, response)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await self._send(send, response)

    async def _send(self, send: ASGISendCallable, response: GatewayResponse) -> None:
        if isinstance(response, BytesResponse):
            await _send_at_once(send, response, response.body)
        else:
            await self._send_response(send, response)

    async def _send_response(self, send: ASGISendCallable, response: ResponseTypes) -> None:
        body = response.response if isinstance(response, Response) else None
        if isinstance(body, DataBody):
            await _send_at_once(send, response, body.data[body.begin : body.end])
        else:
            await super()._send_response(send, response)


async def _send_at_once(
    send: ASGISendCallable, response: BytesResponse | ResponseTypes, body: bytes
) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class DisconnectWatcher:
    """The extension ``ON_DISCONNECT`` for servers without it: a task that reads ahead.

    Once the response begins, it drops what is left of the request's body.
    """

    def __init__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self._receive = receive
        self._send = send
        self._received: asyncio.Queue[ASGIReceiveEvent] = asyncio.Queue(MAX_READ_AHEAD)
        self._watching: asyncio.Task[None] | None = None
        self._has_responded = False
        self.receive = self._received.get

    async def send(self, event: ASGISendEvent) -> None:
        """Send an event of the response."""
        self._has_responded = True
        while not self._received.empty():
            self._received.get_nowait()
        await self._send(event)

    def listen(self, on_disconnect: Callable[[], None] | None) -> None:
        """Call ``on_disconnect`` when the client disconnects; with None, nothing any more."""
        if self._watching is not None:
            self._watching.cancel()
        if on_disconnect is not None:
            self._watching = asyncio.create_task(self._read_ahead())
            self._watching.add_done_callback(
                lambda watching: None if watching.cancelled() else on_disconnect()
            )

    async def _read_ahead(self) -> None:
        while (event := await self._receive())["type"] != "http.disconnect":
            if not self._has_responded:
                await self._received.put(event)
