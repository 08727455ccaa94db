"""What leaves together, and what does not wait."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.amqp.coalescing_writer import CoalescingWriter


@asynccontextmanager
async def writing(more: list[bool]) -> AsyncIterator[tuple[CoalescingWriter, socket.socket]]:
    """A writer that is told by ``more``, at each write, whether more follows; and its peer."""
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
    try:
        return peer.recv(1000)
    except BlockingIOError:
        return b""


async def test_what_waits_behind_leaves_together_with_it() -> None:
    async with writing(2 * [True, True, False]) as (writer, peer):
        for _ in range(2):
            writer.write(b"one ")
            writer.write(b"two ")
            assert arrived(peer) == b""
            writer.write(b"three")
            assert arrived(peer) == b"one two three"


async def test_what_nothing_follows_leaves_at_once() -> None:
    async with writing([False, False]) as (writer, peer):
        writer.write(b"one")
        assert arrived(peer) == b"one"
        writer.write(b"two")
        assert arrived(peer) == b"two"


async def test_who_drains_leaves_nothing_behind() -> None:
    async with writing([True]) as (writer, peer):
        writer.write(b"the last word")
        await writer.drain()
        assert arrived(peer) == b"the last word"


async def test_who_has_no_more_to_say_leaves_nothing_behind() -> None:
    async with writing([True]) as (writer, peer):
        writer.write(b"the last word")
        writer.write_eof()
        assert arrived(peer) == b"the last word"
