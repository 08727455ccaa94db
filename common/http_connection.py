"""One client's connection, as hypercorn's protocol code wants it, at a lower price."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import AsyncioSingleTask
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.typing import TaskGroup

KEEP_ALIVE_S: Final = 65
"""Longer than the 60 s after which common load balancers drop idle connections."""


class HttpConnection(TCPServer):
    """A connection, which is closed as soon as its client has left.

    What the application still answers then would begin the keep-alive time of nobody. What is
    sent at once, such as the head and the body of an answer, leaves in one packet.
    """

    idle_task: "_IdleTimer"
    _has_left = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.idle_task = _IdleTimer(self.loop)
        self._unsent: list[bytes] = []

    def close_if_idle(self) -> None:
        """Close, unless a request is under way."""
        self.idle_task.end()

    async def protocol_send(self, event: Event) -> None:
        """Send to the client, or note that the connection is idle."""
        if isinstance(event, RawData):
            await self._send(event.data)
        elif not (self._has_left and isinstance(event, Updated)):
            await super().protocol_send(event)

    async def _send(self, data: bytes) -> None:
        if not self._unsent:
            self.loop.call_soon(self._flush)
        self._unsent.append(data)
        try:
            await self.writer.drain()
        except (ConnectionError, RuntimeError):
            await self.protocol.handle(Closed())

    def _flush(self) -> None:
        if self._unsent and not self.writer.is_closing():
            self.writer.write(b"".join(self._unsent))
        self._unsent.clear()

    async def _read_data(self) -> None:
        await super()._read_data()
        self._has_left = True
        await self.idle_task.stop()

    async def _idle_timeout(self) -> None:
        await self._initiate_server_close()

    async def _close(self) -> None:
        self._flush()
        await super()._close()


class _IdleTimer(AsyncioSingleTask):
    """Counts the keep-alive time; hypercorn's own makes two tasks for each answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._on_end: Callable[[], None] = lambda: None

    async def restart(self, task_group: TaskGroup, action: Callable[[], Awaitable[None]]) -> None:
        """Count from now; ``action`` runs at the end."""
        await self.stop()
        self._on_end = lambda: task_group.spawn(action)
        self._timer = self._loop.call_later(KEEP_ALIVE_S, self.end)

    async def stop(self) -> None:
        """Count no more: a request is under way, or the connection is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self) -> None:
        """What is counted is over now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._on_end()
