"""The HTTP/1.1 connection of one client: hypercorn's, at a lower cost."""

import asyncio
from typing import Any, Final

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.events import Closed, Event, RawData, Updated

KEEP_ALIVE_S: Final = 65
"""Longer than the 60 s after which common load balancers drop idle connections."""

PACKET_BYTES: Final = 2**16
"""The bytes that are put together into one write; beyond this size they are sent as they come."""


class HttpConnection(TCPServer):
    """A connection that is closed as soon as its client has left.

    Without this, a response written after the client has left would start the keep-alive time of a
    dead connection. That time is one timer here, where hypercorn creates two tasks for each
    response. Data that is sent in one turn of the loop, such as the head and the body of a
    response, leaves in one write.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._unsent = bytearray()
        self._has_left = False
        self._idle: asyncio.TimerHandle | None = None
        self._begin_idling()

    def close_if_idle(self) -> None:
        """Close the connection, unless it has a request in flight."""
        if self._idle is not None:
            self.writer.close()

    async def protocol_send(self, event: Event) -> None:
        """Send data to the client, or start or stop the keep-alive timer."""
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
            self._flush()  # so that ``drain`` waits for a client that is slow to read
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
        """Do nothing: hypercorn starts this task with the connection; see ``_begin_idling``."""

    async def _close(self) -> None:
        self._stop_idling()
        self._flush()
        await super()._close()
