"""Writes that are sent together, and writes that do not wait."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.amqp.coalescing_writer import CoalescingWriter


@asynccontextmanager
async def writing(more: list[bool]) -> AsyncIterator[tuple[CoalescingWriter, socket.socket]]:
    """Yield a writer and its peer; ``more`` has the answer of ``has_more`` for each write."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with theirs:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, protocol = await loop.connect_accepted_socket(
            lambda: asyncio.StreamReaderProtocol(reader), ours
        )
        writer = CoalescingWriter(transport, protocol, reader, loop, has_more=lambda: more.pop(0))
        yield writer, theirs
        writer.close()
        await writer.wait_closed()


def arrived(peer: socket.socket) -> bytes:
    """Return the bytes that have arrived."""
    try:
        return peer.recv(1000)
    except BlockingIOError:
        return b""


async def test_a_write_that_is_held_back_leaves_with_the_last_of_those_that_follow() -> None:
    async with writing(2 * [True, True, False]) as (writer, peer):
        for _ in range(2):
            writer.write(b"one ")
            writer.write(b"two ")
            assert arrived(peer) == b""
            writer.write(b"three")
            assert arrived(peer) == b"one two three"


async def test_a_write_that_nothing_follows_leaves_at_once() -> None:
    async with writing([False, False]) as (writer, peer):
        writer.write(b"one")
        assert arrived(peer) == b"one"
        writer.write(b"two")
        assert arrived(peer) == b"two"


async def test_drain_flushes() -> None:
    async with writing([True]) as (writer, peer):
        writer.write(b"the last word")
        await writer.drain()
        assert arrived(peer) == b"the last word"


async def test_write_eof_flushes() -> None:
    async with writing([True]) as (writer, peer):
        writer.write(b"the last word")
        writer.write_eof()
        assert arrived(peer) == b"the last word"
