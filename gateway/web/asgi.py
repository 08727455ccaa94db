"""One HTTP request over ASGI, at a lower price than Quart's own connection.

The handler runs in the task of the request, and a second task only watches for the client's
disconnect: Quart creates two more tasks and awaits them. A complete body is sent in one event with
the end of the response.
"""

import asyncio

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable
from quart import Response
from quart.asgi import ASGIHTTPConnection
from quart.typing import ResponseTypes
from quart.utils import encode_headers
from quart.wrappers.response import DataBody


class AsgiConnection(ASGIHTTPConnection):
    """One request; its handler is cancelled if the client disconnects."""

    _is_over = False
    _client_disconnected = False

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Respond to the request.

        Raises:
            CancelledError: the task was cancelled, and not for the client's disconnect.
        """
        request = self._create_request_from_scope(send)
        handling = asyncio.current_task()
        assert handling is not None
        watching = asyncio.create_task(self.handle_messages(request, receive))

        def cancel_handler(_: asyncio.Task[None]) -> None:
            if not self._is_over:
                self._client_disconnected = True
                handling.cancel()

        watching.add_done_callback(cancel_handler)
        try:
            await asyncio.sleep(0)  # the part of the body that has arrived is read by then
            await self.handle_request(request, send)
        except asyncio.CancelledError:
            if not self._client_disconnected or handling.uncancel():
                raise
            watching.result()
        finally:
            self._is_over = True
            watching.cancel()

    async def _send_response(self, send: ASGISendCallable, response: ResponseTypes) -> None:
        body = response.response if isinstance(response, Response) else None
        if not isinstance(body, DataBody):
            await super()._send_response(send, response)
            return
        await send(
            {
                "type": "http.response.start",
                "status": response.status_code,
                "headers": encode_headers(response.headers),
            }
        )
        data = body.data[body.begin : body.end]
        await send({"type": "http.response.body", "body": data, "more_body": False})
