"""A stream writer that sends AMQP frames which are queued at the same time in one packet.

aiormq writes each publish by itself, and uvloop sends each write at once: that is a system call
here and a wake-up of the broker for each. Here frames that are queued already are sent together.
No frame waits for one that is not queued yet, as it would for the next turn of the loop.
"""

import asyncio
from collections.abc import Callable
from typing import Any


class CoalescingWriter(asyncio.StreamWriter):
    """A stream writer that holds a write back if, by ``has_more``, the next follows at once."""

    def __init__(self, *arguments: Any, has_more: Callable[[], bool]) -> None:
        super().__init__(*arguments)
        self._has_more = has_more
        self._unsent: list[bytes | bytearray | memoryview] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data``, now or with the next write."""
        self._unsent.append(data)
        if not self._has_more():
            self._send()

    async def drain(self) -> None:
        """Send all that is held back, and wait while the peer is slow to read."""
        self._send()
        await super().drain()

    def write_eof(self) -> None:
        """Send all that is held back, then the end of the stream."""
        self._send()
        super().write_eof()

    def _send(self) -> None:
        if self._unsent:
            self.writelines(self._unsent)
            self._unsent = []
