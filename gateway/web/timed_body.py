"""The body of a request, read when it is asked for, within a time."""

import asyncio
from typing import Final

from quart.wrappers.request import Body
from werkzeug.exceptions import RequestTimeout

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
