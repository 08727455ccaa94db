"""Assumptions of ``common/amqp`` about asyncio: stream writers, futures, cancellation.

They hold on the loop of asyncio and on uvloop's, which the services run on.
"""

import asyncio
import gc
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

import pytest
import uvloop

from common.amqp.transport import FrameProtocol, FrameWriter
from tests.contract.harness.signatures import signatures

Run = Callable[[Coroutine[Any, Any, None]], None]

HEARTBEAT: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"

LOOPS: Final = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on a loop of each kind."""

    def run_on_loop(coroutine: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(coroutine)

    return run_on_loop


async def streams(ours: socket.socket) -> tuple[asyncio.StreamReader, FrameWriter]:
    """Return the streams of a socket, put together as ``FrameTransport`` does."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, protocol = await loop.connect_accepted_socket(lambda: FrameProtocol(reader), ours)
    return reader, FrameWriter(transport, protocol, reader, loop)


def test_stream_classes_have_these_signatures() -> None:
    methods = ("__init__", "write", "writelines", "drain", "write_eof", "close")
    assert signatures(asyncio.StreamWriter, *methods) == {
        "__init__": "(self, transport, protocol, reader, loop)",
        "write": "(self, data)",
        "writelines": "(self, data)",
        "drain": "async (self)",
        "write_eof": "(self)",
        "close": "(self)",
    }
    assert signatures(asyncio.StreamReaderProtocol, "data_received") == {
        "data_received": "(self, data)"
    }


def test_writelines_and_drain_and_write_eof_do_not_go_through_write(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("write was called")

    async def check() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            _, writer = await streams(ours)
            writer.write(b"held back, ")
            monkeypatch.setattr(FrameWriter, "write", refuse)
            monkeypatch.setattr(asyncio.StreamWriter, "write", refuse)
            writer.writelines([b"a line, ", bytearray(b"another, "), memoryview(b"a view")])
            await writer.drain()
            writer.write_eof()
            received = await asyncio.to_thread(theirs.makefile("rb").read)
            assert received == b"held back, a line, another, a view"
            writer.close()
            await writer.wait_closed()

    run(check())


def test_streams_that_are_put_together_by_hand_read_and_write(run: Run) -> None:
    async def check() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await streams(ours)
            theirs.sendall(HEARTBEAT)
            assert await reader.readexactly(len(HEARTBEAT)) == HEARTBEAT
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
            _, writer = await streams(ours)
            writer.write(10_000_000 * b"x")
            draining = asyncio.create_task(writer.drain())
            await asyncio.wait((draining,), timeout=0.01)
            assert not draining.done()
            writer.transport.abort()
            await draining  # ends with the connection

    run(check())


def test_a_future_whose_exception_was_read_is_not_logged_as_unread(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        confirm = asyncio.get_running_loop().create_future()
        confirm.set_exception(ValueError())
        confirm.exception()
        del confirm
        gc.collect()

    run(check())
    assert not caplog.records


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
