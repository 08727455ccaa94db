"""The body of a request: read whole and within a time, when a handler needs it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from werkzeug.exceptions import RequestTimeout

from common.errors import BodyTooLarge

BODY_TIMEOUT_S: Final = 30
"""Time that a client has for sending a body."""

STALL_TIMEOUT_S: Final = 5
"""Time without a byte after which a body is given up. TCP sends a lost packet again after about
1 s and 3 s, so a client on a bad line is heard within it."""

Charge = Callable[[int], None]
"""Called with the size of each part of a body that has arrived; raises an error to refuse it."""

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

    async def read(self, announced_bytes: int | None, charge: Charge) -> bytes:
        """Read the whole body: its parts are joined once, a single one is returned as it is.

        ``announced_bytes`` is the ``Content-Length``, if there is one.

        Raises:
            RequestTimeout: the client is too slow, or sends nothing for ``STALL_TIMEOUT_S``.
            BodyTooLarge: the body is larger than ``max_bytes``, or announced to be.
            PredictionError: ``charge`` has refused a part.
        """
        if announced_bytes is not None and announced_bytes > self._max_bytes:
            raise self._too_large()
        if self._whole is None:
            try:
                async with asyncio.timeout(STALL_TIMEOUT_S) as patience:
                    self._whole = await self._join(charge, patience)
            except TimeoutError as exc:
                raise RequestTimeout("The body did not arrive in time.") from exc
        return self._whole

    async def _join(self, charge: Charge, patience: asyncio.Timeout) -> bytes:
        now_s = asyncio.get_running_loop().time
        latest_s = now_s() + BODY_TIMEOUT_S
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
            has_more = event.get("more_body", False)
            if part:
                charge(len(part))
                parts.append(part)
                if has_more:
                    patience.reschedule(min(now_s() + STALL_TIMEOUT_S, latest_s))
        return b"".join(parts)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"The body is larger than the {self._max_bytes} bytes this gateway takes."
        )
