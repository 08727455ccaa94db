"""Send AMQP frames that wait for each other in one packet.

aiormq hands each publish to the socket by itself, and uvloop sends each write at once: a system
call here and a wake-up of the broker for each. What has queued up meanwhile leaves together here.
Nothing waits for more to come, as it would for the next turn of the loop.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aio_pika
from aiormq import Connection as UnderlayConnection
from aiormq.abc import TimeoutType
from aiormq.connection import TransportFactory
from aiormq.exceptions import AMQPConnectionError

UnderlayConnection.FRAME_BUFFER_SIZE = 0
"""Unbounded: what waits for room among aiormq's ten is not woken when the connection ends. How much
is under way is bounded by admission and prefetch."""


class PacketConnection(aio_pika.Connection):
    """aio-pika's connection, over a ``PacketWriter``."""

    async def connect(self, timeout: TimeoutType = None) -> None:  # noqa: ASYNC109 - of aio-pika
        """See aio-pika, whose errors these are."""
        self.kwargs["transport_factory"] = transport = _PacketTransport()
        await super().connect(timeout)
        assert self.transport is not None
        transport.waiting = self.transport.connection.write_queue


class PacketWriter(asyncio.StreamWriter):
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


class _PacketTransport(TransportFactory):
    """Opens the socket of one connection; ``waiting`` are its frames that are to be written.

    aiormq takes them from there one after the other without a pause, so what is kept for the next
    one is sent in the same turn of the loop.
    """

    waiting: "asyncio.Queue[Any] | None" = None

    async def create(self, url: Any, **_: Any) -> tuple[asyncio.StreamReader, PacketWriter]:
        """As aiormq's own for TCP without TLS does it."""
        assert url.scheme == "amqp"
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        try:
            transport, protocol = await loop.create_connection(
                lambda: asyncio.StreamReaderProtocol(reader), url.host, url.port
            )
        except OSError as exc:
            raise AMQPConnectionError(*exc.args) from exc
        return reader, PacketWriter(transport, protocol, reader, loop, has_more=self._has_more)

    def _has_more(self) -> bool:
        return self.waiting is not None and not self.waiting.empty()
