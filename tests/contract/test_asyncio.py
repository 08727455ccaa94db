"""Assumptions of ``common/amqp`` about asyncio: stream writers, futures, cancellation.

They hold on the loop of asyncio and on uvloop's, which the services run on.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

import pytest
import uvloop

from common.amqp.aiormq_internals import PublisherConfirm
from common.amqp.coalescing_writer import CoalescingWriter
from tests.contract.harness.signatures import signatures

Run = Callable[[Coroutine[Any, Any, None]], None]

LOOPS: Final = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on a loop of each kind."""

    def run_on_loop(coroutine: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(coroutine)

    return run_on_loop


async def streams(
    ours: socket.socket, has_more: Callable[[], bool]
) -> tuple[asyncio.StreamReader, CoalescingWriter]:
    """Return the streams of a socket, put together as ``_CoalescingTransport`` does."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, protocol = await loop.connect_accepted_socket(
        lambda: asyncio.StreamReaderProtocol(reader), ours
    )
    return reader, CoalescingWriter(transport, protocol, reader, loop, has_more=has_more)


def test_a_stream_writer_has_these_signatures() -> None:
    assert signatures(asyncio.StreamWriter, "__init__", "write", "drain", "write_eof") == {
        "__init__": "(self, transport, protocol, reader, loop)",
        "write": "(self, data)",
        "drain": "async (self)",
        "write_eof": "(self)",
    }


def test_writelines_and_drain_and_write_eof_do_not_go_through_write(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("write was called")

    async def check() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            _, writer = await streams(ours, lambda: True)
            writer.write(b"held back, ")
            monkeypatch.setattr(CoalescingWriter, "write", refuse)
            monkeypatch.setattr(asyncio.StreamWriter, "write", refuse)
            writer.writelines([b"a line, ", bytearray(b"another, ")])
            await writer.drain()
            writer.write_eof()
            received = await asyncio.to_thread(theirs.makefile("rb").read)
            assert received == b"a line, another, held back, "
            writer.close()
            await writer.wait_closed()

    run(check())


def test_streams_that_are_put_together_by_hand_read_and_write(run: Run) -> None:
    async def check() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await streams(ours, lambda: False)
            theirs.sendall(b"in")
            assert await reader.readexactly(2) == b"in"
            writer.write(b"out")
            assert await asyncio.to_thread(theirs.recv, 10) == b"out"
            assert writer.can_write_eof()
            writer.close()
            await writer.wait_closed()
            assert writer.is_closing()

    run(check())


@pytest.mark.parametrize("run", ["uvloop"], indirect=True)
def test_drain_waits_while_the_peer_does_not_read(run: Run) -> None:
    """Not on asyncio's loop, where ``writelines`` of some Pythons does not (CVE-2024-12254)."""

    async def check() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            _, writer = await streams(ours, lambda: False)
            writer.write(10_000_000 * b"x")
            draining = asyncio.create_task(writer.drain())
            await asyncio.wait((draining,), timeout=0.01)
            assert not draining.done()
            writer.transport.abort()
            await draining  # ends with the connection

    run(check())


def test_a_subclass_of_future_is_awaited_by_its_own_set_exception(run: Run) -> None:
    async def check() -> None:
        confirm = PublisherConfirm(loop=asyncio.get_running_loop())
        done, waiting = await asyncio.wait((confirm,), timeout=0)
        assert (done, waiting) == (set(), {confirm})
        confirm.set_exception(ValueError)  # an exception's class, as aiormq gives it
        with pytest.raises(ValueError, match=r"^$"):
            await confirm

    run(check())


def test_a_cancelled_error_that_is_awaited_is_no_cancellation_of_the_task(run: Run) -> None:
    async def check() -> None:
        task = asyncio.current_task()
        assert task is not None
        rejected = asyncio.get_running_loop().create_future()
        rejected.set_exception(asyncio.CancelledError())
        with pytest.raises(asyncio.CancelledError):
            await rejected
        assert not task.cancelling()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(1)
        assert task.cancelling() == 1
        assert task.uncancel() == 0

    run(check())
