"""Writes that are sent together, and frames on their way to channels and to aiormq."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from aiormq import spec
from pamqp.frame import marshal
from pamqp.heartbeat import Heartbeat

from common.amqp.frames.events import Confirmed, Event
from common.amqp.transport import FrameProtocol, FrameWriter

ACK: Final = marshal(spec.Basic.Ack(1), 1)
CANCEL_OK: Final = marshal(spec.Basic.CancelOk("c"), 1)


@asynccontextmanager
async def writing() -> AsyncIterator[tuple[FrameWriter, socket.socket]]:
    """Yield a writer and its peer."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with theirs:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, protocol = await loop.connect_accepted_socket(
            lambda: FrameProtocol(reader), ours
        )
        writer = FrameWriter(transport, protocol, reader, loop)
        yield writer, theirs
        writer.close()
        await writer.wait_closed()


def arrived(peer: socket.socket) -> bytes:
    """Return the bytes that have arrived."""
    try:
        return peer.recv(1000)
    except BlockingIOError:
        return b""


async def test_what_is_written_in_one_turn_of_the_loop_leaves_in_order_at_its_end() -> None:
    async with writing() as (writer, peer):
        for _ in range(2):
            writer.write(b"one ")
            writer.writelines([b"two ", memoryview(b"three ")])
            writer.write(b"four")
            assert arrived(peer) == b""
            await asyncio.sleep(0)
            assert arrived(peer) == b"one two three four"


async def test_drain_flushes() -> None:
    async with writing() as (writer, peer):
        writer.write(b"the last word")
        await writer.drain()
        assert arrived(peer) == b"the last word"


async def test_write_eof_flushes() -> None:
    async with writing() as (writer, peer):
        writer.write(b"the last word")
        writer.write_eof()
        assert arrived(peer) == b"the last word"


async def test_close_flushes_and_what_is_written_after_it_is_dropped() -> None:
    async with writing() as (writer, peer):
        writer.write(b"the last word")
        writer.close()
        writer.write(b"too late")
        await asyncio.sleep(0)
        assert arrived(peer) == b"the last word"


async def test_a_connection_that_is_lost_drops_what_is_unsent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with writing() as (writer, _):
        writer.transport.abort()
        for _turn in range(10):
            writer.write(b"too late")
            await asyncio.sleep(0)
    assert not caplog.records


class Ours:
    """A protocol with a channel of ours, and the reader of aiormq behind it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.others = asyncio.StreamReader()
        self.protocol = FrameProtocol(self.others)
        self.protocol.open_channel(1, self.events.append, ())


async def test_events_go_to_their_channel_and_other_frames_to_the_reader_of_aiormq() -> None:
    ours = Ours()
    ours.protocol.data_received(ACK + CANCEL_OK + ACK)
    assert ours.events == 2 * [Confirmed(1, 1, False, True)]
    assert await ours.others.readexactly(len(CANCEL_OK)) == CANCEL_OK


async def test_aiormq_gets_a_heartbeat_for_traffic_that_it_does_not_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heartbeat = Heartbeat().marshal()
    ours = Ours()
    ours.protocol.data_received(ACK)
    assert await ours.others.readexactly(len(heartbeat)) == heartbeat
    ours.protocol.data_received(3 * ACK + CANCEL_OK)  # it sees this one, and at once no more
    ours.protocol.data_received(ACK)
    assert await ours.others.readexactly(len(CANCEL_OK)) == CANCEL_OK
    monkeypatch.setattr("common.amqp.transport.SIGN_OF_LIFE_S", 0)
    ours.protocol.data_received(ACK)
    assert await ours.others.readexactly(len(heartbeat)) == heartbeat


async def test_no_heartbeat_gets_among_the_frames_of_a_login() -> None:
    others = asyncio.StreamReader()
    start = marshal(spec.Connection.Start(), 0)
    protocol = FrameProtocol(others)
    for piece in (start[:5], start[5:]):
        protocol.data_received(piece)
    others.feed_eof()
    assert await others.read() == start


async def test_a_channel_that_has_ended_gets_no_event_of_one_with_its_number() -> None:
    ours = Ours()
    newer: list[Event] = []
    ours.protocol.open_channel(1, newer.append, ())
    ours.protocol.close_channel(1, ours.events.append)  # the number is the other channel's by now
    ours.protocol.data_received(ACK)
    assert (len(ours.events), len(newer)) == (0, 1)


async def test_an_event_after_the_end_of_its_channel_is_dropped() -> None:
    others = asyncio.StreamReader()
    protocol = FrameProtocol(others)
    events: list[Event] = []

    def receive(event: Event) -> None:
        events.append(event)
        protocol.close_channel(1, receive)

    protocol.open_channel(1, receive, ())
    protocol.data_received(ACK + ACK)
    assert len(events) == 1
