"""Send AMQP frames that wait for each other in one packet.

aiormq hands each publish to the socket by itself, which is a system call here and a wake-up of the
broker for each. What has queued up meanwhile leaves together here; nothing waits for more to come.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import aio_pika
from aiormq import Connection as UnderlayConnection
from aiormq.abc import TimeoutType
from aiormq.connection import TransportFactory
from aiormq.exceptions import AMQPConnectionError

PACKET_BYTES: Final = 2**16
"""What is larger leaves at once: joining it would cost more than another packet."""


class PacketConnection(aio_pika.Connection):
    """aio-pika's connection, over a ``PacketWriter``."""

    async def connect(self, timeout: TimeoutType = None) -> None:  # noqa: ASYNC109 - of aio-pika
        """See aio-pika, whose errors these are."""
        packets = _Packets()
        self.kwargs["transport_factory"] = packets
        await super().connect(timeout)
        assert self.transport is not None
        underlay = self.transport.connection
        assert isinstance(underlay, UnderlayConnection)  # aiormq's own, not another transport's
        packets.waiting = underlay.write_queue


class PacketWriter(asyncio.StreamWriter):
    """Keeps what is written while ``has_more`` says that more follows at once."""

    def __init__(self, *arguments: Any, has_more: Callable[[], bool]) -> None:
        super().__init__(*arguments)
        self._has_more = has_more
        self._unsent: list[bytes | bytearray | memoryview] = []
        self._unsent_bytes = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data``, now or with what follows."""
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._unsent_bytes > PACKET_BYTES or not self._has_more():
            self._send()

    async def drain(self) -> None:
        """Send everything, and wait while the other side is slow to read."""
        self._send()
        await super().drain()

    def _send(self) -> None:
        if self._unsent:
            super().write(b"".join(self._unsent))
            self._unsent.clear()
            self._unsent_bytes = 0


class _Packets(TransportFactory):
    """Opens the socket of one connection, whose frames ``waiting`` has before they are written."""

    waiting: "asyncio.Queue[Any] | None" = None

    async def create(self, url: Any, **_: Any) -> tuple[asyncio.StreamReader, PacketWriter]:
        """As aiormq's own for TCP does it."""
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
