"""One HTTP request and its answer over ASGI, at a lower price than Quart's own.

The request is answered in the task that it comes in, and a second one only sees whether the client
leaves: Quart has two more, and waits for them. A body that is here as a whole is sent together with
the end of the answer.
"""

import asyncio

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable
from quart import Response
from quart.asgi import ASGIHTTPConnection
from quart.typing import ResponseTypes
from quart.utils import encode_headers
from quart.wrappers.response import DataBody


class AsgiConnection(ASGIHTTPConnection):
    """Answers one request; if its client leaves before, whoever answers it is cancelled."""

    _is_over = False
    _client_has_left = False

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer the request.

        Raises:
            CancelledError: not because of the client.
        """
        request = self._create_request_from_scope(send)
        answering = asyncio.current_task()
        assert answering is not None
        watching = asyncio.create_task(self.handle_messages(request, receive))

        def give_up(_: asyncio.Task[None]) -> None:
            if not self._is_over:
                self._client_has_left = True
                answering.cancel()

        watching.add_done_callback(give_up)
        try:
            await asyncio.sleep(0)  # what has arrived of the body is at hand then
            await self.handle_request(request, send)
        except asyncio.CancelledError:
            if not self._client_has_left or answering.uncancel():
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
