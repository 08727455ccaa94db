"""The broker's end of one AMQP connection, which answers as a test scripts it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pamqp.frame
from aiormq import spec
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.frame import FrameTypes
from pamqp.header import ContentHeader, ProtocolHeader

from predictmq.local.ports import LOOPBACK

FRAME_MAX: Final = 131_072
"""The largest frame, as RabbitMQ has it."""

_HEAD_BYTES: Final = 7  # type, channel and size of a frame; one byte follows its payload

_START: Final = spec.Connection.Start(
    server_properties={"capabilities": {"publisher_confirms": True, "basic.nack": True}}
)


class ScriptedBroker:
    """A peer that answers methods by ``answers``; a test lets it send other frames."""

    port = 0

    def __init__(self) -> None:
        self.answers: dict[str, Frame] = {
            "Connection.StartOk": spec.Connection.Tune(2047, FRAME_MAX, 60),
            "Connection.Open": spec.Connection.OpenOk(),
            "Connection.Close": spec.Connection.CloseOk(),
            "Channel.Open": spec.Channel.OpenOk(),
            "Channel.Close": spec.Channel.CloseOk(),
            "Confirm.Select": spec.Confirm.SelectOk(),
            "Basic.Consume": spec.Basic.ConsumeOk("a tag"),
        }
        self.publishes: asyncio.Queue[list[bytes]] = asyncio.Queue()
        """The frames of each publish, as they came."""
        self.others: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        """The names and bytes of all other methods."""
        self.is_connected = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None

    def send(self, channel: int, *frames: FrameTypes) -> None:
        """Send frames to the client."""
        assert self._writer is not None
        self._writer.write(b"".join(pamqp.frame.marshal(each, channel) for each in frames))

    def send_bytes(self, data: bytes) -> None:
        """Send bytes that need not be frames."""
        assert self._writer is not None
        self._writer.write(data)

    async def received(self, names: set[str]) -> bytes:
        """Return the next method that has one of these names."""
        while True:
            name, raw = await self.others.get()
            if name in names:
                return raw

    def hang_up(self) -> None:
        """Close the socket without ``connection.close``."""
        assert self._writer is not None
        self._writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a client until it leaves."""
        self._writer = writer
        self.is_connected.set()
        try:
            await reader.readexactly(len(ProtocolHeader().marshal()))
            self.send(0, _START)
            while True:
                await self._answer(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> None:
        channel, frame, raw = await _read_frame(reader)
        answer = self.answers.get(frame.name)
        if isinstance(frame, spec.Basic.Publish):
            self.publishes.put_nowait([raw, *await _read_content(reader)])
            return
        self.others.put_nowait((frame.name, raw))
        if answer is not None:  # one without arguments counts as false
            self.send(channel, answer)


async def _read_content(reader: asyncio.StreamReader) -> list[bytes]:
    _, header, raw = await _read_frame(reader)
    assert isinstance(header, ContentHeader)
    missing, content = header.body_size or 0, [raw]
    while missing:
        _, body, raw = await _read_frame(reader)
        assert isinstance(body, ContentBody)
        missing -= len(body)
        content.append(raw)
    return content


async def _read_frame(reader: asyncio.StreamReader) -> tuple[int, FrameTypes, bytes]:
    head = await reader.readexactly(_HEAD_BYTES)
    raw = head + await reader.readexactly(int.from_bytes(head[3:], "big") + 1)
    _, channel, frame = pamqp.frame.unmarshal(raw)
    return channel, frame, raw


@asynccontextmanager
async def scripted_broker() -> AsyncIterator[ScriptedBroker]:
    """Listen on loopback for one client, until the test ends."""
    broker = ScriptedBroker()
    async with await asyncio.start_server(broker.serve, LOOPBACK, 0) as server:
        broker.port = server.sockets[0].getsockname()[1]
        yield broker
