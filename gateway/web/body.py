"""The body of a request: read whole and within a time, when a handler needs it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from werkzeug.exceptions import RequestTimeout

from common.errors import BodyTooLarge

BODY_TIMEOUT_S: Final = 30
"""Time that a client has for sending a body."""

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
"""``receive`` of ASGI."""


class RequestBody:
    """The body that ``receive`` delivers, of at most ``max_bytes``.

    ``on_disconnect`` is called if the client leaves before the end of the body; it cancels the task
    that reads.
    """

    def __init__(self, receive: Receive, on_disconnect: Callable[[], None], max_bytes: int) -> None:
        self._receive = receive
        self._on_disconnect = on_disconnect
        self._max_bytes = max_bytes
        self._whole: bytes | None = None

    async def read(self, announced_bytes: int | None) -> bytes:
        """Read the whole body: its parts are joined once, a single one is returned as it is.

        ``announced_bytes`` is the ``Content-Length``, if there is one.

        Raises:
            RequestTimeout: the client is too slow.
            BodyTooLarge: the body is larger than ``max_bytes``, or announced to be.
        """
        if announced_bytes is not None and announced_bytes > self._max_bytes:
            raise self._too_large()
        if self._whole is None:
            try:
                async with asyncio.timeout(BODY_TIMEOUT_S):
                    self._whole = await self._join()
            except TimeoutError as exc:
                raise RequestTimeout from exc
        return self._whole

    async def _join(self) -> bytes:
        parts: list[bytes] = []
        size_bytes = 0
        has_more = True
        while has_more:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                self._on_disconnect()
                await asyncio.sleep(0)  # where the cancellation arrives
            part = event.get("body", b"")
            size_bytes += len(part)
            if size_bytes > self._max_bytes:
                raise self._too_large()
            if part:
                parts.append(part)
            has_more = event.get("more_body", False)
        return b"".join(parts)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"The body is larger than the {self._max_bytes} bytes this gateway takes."
        )
