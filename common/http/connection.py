"""One client's connection, as hypercorn's protocol code wants it, at a lower price."""

import asyncio
from typing import Any, Final

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.events import Closed, Event, RawData, Updated

KEEP_ALIVE_S: Final = 65
"""Longer than the 60 s after which common load balancers drop idle connections."""

PACKET_BYTES: Final = 2**16
"""What is sent at once and is not larger leaves together; more is not worth the wait."""


class HttpConnection(TCPServer):
    """A connection, which is closed as soon as its client has left.

    What the application still answers then would begin the keep-alive time of nobody. That time is
    a timer here: hypercorn's own makes two tasks for each answer. What is sent at once, such as the
    head and the body of an answer, leaves in one packet.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._unsent = bytearray()
        self._has_left = False
        self._idle: asyncio.TimerHandle | None = None
        self._begin_idling()

    def close_if_idle(self) -> None:
        """Close, unless a request is under way."""
        if self._idle is not None:
            self.writer.close()

    async def protocol_send(self, event: Event) -> None:
        """Send to the client, or note that the connection is idle."""
        if isinstance(event, RawData):
            await self._send(event.data)
        elif isinstance(event, Updated):
            self._stop_idling()
            if event.idle and not self._has_left:
                self._begin_idling()
        else:
            await super().protocol_send(event)

    async def _send(self, data: bytes) -> None:
        if not self._unsent:
            self.loop.call_soon(self._flush)
        self._unsent += data
        if len(self._unsent) > PACKET_BYTES:
            self._flush()  # so that a client who is slow to read holds up whoever sends
        try:
            await self.writer.drain()
        except (ConnectionError, RuntimeError):
            await self.protocol.handle(Closed())

    def _flush(self) -> None:
        if self._unsent and not self.writer.is_closing():
            self.writer.write(bytes(self._unsent))
        self._unsent.clear()

    def _begin_idling(self) -> None:
        self._idle = self.loop.call_later(KEEP_ALIVE_S, self.writer.close)

    def _stop_idling(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    async def _read_data(self) -> None:
        await super()._read_data()
        self._has_left = True
        self._stop_idling()

    async def _idle_timeout(self) -> None:
        """hypercorn starts it with the connection: see ``_begin_idling``."""

    async def _close(self) -> None:
        self._stop_idling()
        self._flush()
        await super()._close()
