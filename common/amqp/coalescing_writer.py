"""Send AMQP frames that wait for each other in one packet.

aiormq hands each publish to the socket by itself, and uvloop sends each write at once: a system
call here and a wake-up of the broker for each. What has queued up meanwhile leaves together here.
Nothing waits for more to come, as it would for the next turn of the loop.
"""

import asyncio
from collections.abc import Callable
from typing import Any


class CoalescingWriter(asyncio.StreamWriter):
    """Keeps what is written while ``has_more`` says that more follows at once."""

    def __init__(self, *arguments: Any, has_more: Callable[[], bool]) -> None:
        super().__init__(*arguments)
        self._has_more = has_more
        self._unsent: list[bytes | bytearray | memoryview] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data``, now or with what follows."""
        self._unsent.append(data)
        if not self._has_more():
            self._send()

    async def drain(self) -> None:
        """Send everything, and wait while the other side is slow to read."""
        self._send()
        await super().drain()

    def write_eof(self) -> None:
        """Send everything, and that this is all."""
        self._send()
        super().write_eof()

    def _send(self) -> None:
        if self._unsent:
            self.writelines(self._unsent)
            self._unsent = []
