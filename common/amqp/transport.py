"""The socket of one connection: our frames and those of aiormq, in both directions.

What comes in goes through ``FrameReader``. What goes out goes through one buffer, which is sent
once in a turn of the loop: one system call here and one wake-up of the broker serve all frames.

A frame of ours enters the buffer at once, one of aiormq after it has waited in aiormq's queue. So
ours are sent in the order of their calls, and may overtake aiormq's, but never the other way round.
That is what is needed: an acknowledgement precedes the ``cancel`` or ``close`` that is called for
after it; and what has to precede a frame of ours (``channel.open``, ``confirm.select``,
``consume``) has been answered by the broker before.
"""

import asyncio
from collections.abc import Callable, Container, Iterable
from typing import Any, Final

from aiormq.connection import TransportFactory
from aiormq.exceptions import AMQPConnectionError

from common.amqp.frames.events import Event, PassedOn
from common.amqp.frames.reader import FrameReader

SIGN_OF_LIFE_S: Final = 1.0
"""The time after which aiormq gets a heartbeat if it has not seen the traffic that there was."""

_HEARTBEAT: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"


class FrameWriter(asyncio.StreamWriter):
    """A stream writer that sends in one write what is written in one turn of the loop."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._unsent: list[bytes | bytearray | memoryview] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data`` at the end of this turn of the loop."""
        self.writelines((data,))

    def writelines(self, data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send ``data`` at the end of this turn of the loop."""
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self.flush)
        self._unsent += data

    def flush(self) -> None:
        """Send all that is unsent; on a connection that has ended, drop it."""
        unsent, self._unsent = self._unsent, []
        if unsent and not self.is_closing():
            super().writelines(unsent)

    async def drain(self) -> None:
        """Send all that is unsent, and wait while the peer is slow to read."""
        self.flush()
        await super().drain()

    def write_eof(self) -> None:
        """Send all that is unsent, then the end of the stream."""
        self.flush()
        super().write_eof()

    def close(self) -> None:
        """Send all that is unsent, then close the connection."""
        self.flush()
        super().close()


class FrameProtocol(asyncio.StreamReaderProtocol):
    """The protocol that passes events to channels and all other frames to aiormq's reader."""

    writer: FrameWriter

    def __init__(self, others: asyncio.StreamReader) -> None:
        super().__init__(others)
        self._others = others
        self._frames = FrameReader()
        self._receivers: dict[int, Callable[[Event], None]] = {}
        self._seen_s = 0.0

    def open_channel(
        self, number: int, receive: Callable[[Event], None], consumer_tags: Container[bytes]
    ) -> None:
        """Call ``receive``, which must not raise, with the events of a channel.

        Deliveries are events if their consumers' tags are in ``consumer_tags`` when they come.
        """
        self._receivers[number] = receive
        self._frames.consumer_tags[number] = consumer_tags

    def close_channel(self, number: int, receive: Callable[[Event], None]) -> None:
        """Forget a channel that has ended, unless another one has its number by now."""
        if self._receivers.get(number) == receive:
            del self._receivers[number]
            self._frames.close_channel(number)

    def data_received(self, data: bytes) -> None:
        """Read the next bytes of the connection."""
        now_s = asyncio.get_running_loop().time()
        for event in self._frames.feed(data):
            if isinstance(event, PassedOn):
                self._seen_s = now_s
                self._others.feed_data(event.frames)
            elif event.channel in self._receivers:  # not if it has ended since the first event
                self._receivers[event.channel](event)
        # The broker sends no heartbeats while there is traffic, and aiormq sees none of ours.
        if self._receivers and now_s - self._seen_s >= SIGN_OF_LIFE_S:
            self._seen_s = now_s
            self._others.feed_data(_HEARTBEAT)


class FrameTransport(TransportFactory):
    """The factory of one connection's streams; ``protocol`` is there when they are."""

    protocol: FrameProtocol

    async def create(self, url: Any, **_: Any) -> tuple[asyncio.StreamReader, FrameWriter]:
        """Open a TCP connection without TLS, as aiormq's own factory does."""
        assert url.scheme == "amqp"
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        try:
            transport, self.protocol = await loop.create_connection(
                lambda: FrameProtocol(reader), url.host, url.port
            )
        except OSError as exc:
            raise AMQPConnectionError(*exc.args) from exc
        self.protocol.writer = FrameWriter(transport, self.protocol, reader, loop)
        return reader, self.protocol.writer
