"""The body of a request, read when it is asked for, within a time."""

import asyncio
from typing import Final

from quart import request
from quart.wrappers.request import Body
from werkzeug.exceptions import RequestTimeout

from common.errors import UnsupportedMediaType

BODY_TIMEOUT_S: Final = 30
"""How long a client may take to send a body."""


class TimedBody(Body):
    """A body to be read within ``BODY_TIMEOUT_S``; one that is all here costs no timer."""

    _is_complete = False

    def set_complete(self) -> None:
        """Nothing more will come."""
        super().set_complete()
        self._is_complete = True

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            RequestTimeout: its sender is too slow.
            RequestEntityTooLarge: it is larger than ``MAX_CONTENT_LENGTH``.
        """
        if self._is_complete:
            return bytes(await self)
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return bytes(await self)
        except TimeoutError as exc:
            raise RequestTimeout from exc


class JsonBody:
    """The body of the request under way, read when it is asked for."""

    def __init__(self, max_bytes: int) -> None:
        length = request.content_length
        self.size_bytes = max_bytes if length is None else min(length, max_bytes)

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            UnsupportedMediaType: it is sent as something else than plain JSON.
        """
        unread = request.body
        assert isinstance(unread, TimedBody)
        body = await unread.read()
        encoding = request.headers.get("Content-Encoding", "identity")
        if body and (not request.is_json or encoding != "identity"):
            sent = request.headers.get("Content-Type", "no Content-Type")
            raise UnsupportedMediaType(
                f"Send the body as Content-Type: application/json without Content-Encoding, "
                f"not as {sent[:100]} ({encoding[:20]})."
            )
        return body
