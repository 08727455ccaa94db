"""Read a request's body before an error is answered, so that the error arrives."""

import asyncio
from contextlib import suppress
from typing import Final

from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)

UNREAD_BODY_TIMEOUT_S: Final = 5.0
"""How long a refused body goes on being read, so that its sender gets to read why."""


def body_first(app: ASGIFramework) -> ASGIFramework:
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
