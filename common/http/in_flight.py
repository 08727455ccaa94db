"""Count the HTTP requests under way, so that a server can end without dropping one."""

import asyncio
from typing import Final

import structlog
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)

LINGER_S: Final = 0.5
"""How long a drained server goes on refusing: a client that was just answered has its next
request on the way, and should meet a 503, not a connection that is reset."""

log = structlog.get_logger()


class InFlight:
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
