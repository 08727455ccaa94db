"""A worker and its supervisor, over the socket pair between them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.workers import lifeline
from gateway.workers.worker import Worker


class Supervised:
    """A worker that listens to its supervisor, and the supervisor's end of its lifeline."""

    def __init__(self, directory: Path) -> None:
        self.supervisor, self._lifeline = socket.socketpair()
        self.supervisor.setblocking(False)
        self._listener = socket.socket()
        self.stop = asyncio.Event()
        self.worker = Worker(1, 2, directory, self._lifeline, (self._listener,))
        self._running = asyncio.create_task(self.worker.run(self.stop))

    async def end(self) -> None:
        """End the worker's run."""
        self._running.cancel()
        await asyncio.wait([self._running])

    def close(self) -> None:
        """Close all sockets."""
        for each in (self.supervisor, self._lifeline, self._listener):
            each.close()

    def said(self) -> bytes:
        """Return what the worker has told the supervisor since the last call."""
        try:
            return self.supervisor.recv(lifeline.MAX_BYTES)
        except BlockingIOError:
            return b""

    async def hears(self) -> bytes:
        """Wait until the worker tells the supervisor something; returns that."""
        async with asyncio.timeout(10):
            loop = asyncio.get_running_loop()
            return await loop.sock_recv(self.supervisor, lifeline.MAX_BYTES)


@pytest_asyncio.fixture
async def supervised(tmp_path: Path) -> AsyncIterator[Supervised]:
    """A worker that listens to its supervisor."""
    ours = Supervised(tmp_path)
    await asyncio.sleep(0)  # it begins to listen
    yield ours
    await ours.end()
    ours.close()


async def test_a_worker_asks_for_the_port_once_it_has_caught_up(supervised: Supervised) -> None:
    said_before: list[bytes] = []

    def has_caught_up() -> bool:
        said_before.append(supervised.said())
        return len(said_before) > 2

    conditions = {"broker connected": lambda: True, "journal caught up": has_caught_up}
    joining = asyncio.create_task(supervised.worker.may_accept(conditions, supervised.stop))
    assert await supervised.hears() == b"ready\n"
    assert said_before == [b"", b"", b""]
    assert not joining.done()
    supervised.supervisor.send(lifeline.ACCEPT)
    assert await joining


async def test_a_worker_that_is_told_to_end_while_it_catches_up_never_accepts(
    supervised: Supervised,
) -> None:
    supervised.stop.set()
    assert not await supervised.worker.may_accept({"never": lambda: False}, supervised.stop)
    assert supervised.said() == b""


async def test_a_worker_that_is_told_to_end_alone_leaves_the_port(supervised: Supervised) -> None:
    supervised.stop.set()
    assert await supervised.worker.others_stay()
    assert supervised.worker.leaves_alone
    assert supervised.said() == b"left\n"


async def test_a_worker_does_not_leave_alone_when_all_end(supervised: Supervised) -> None:
    supervised.supervisor.send(lifeline.STOP)
    async with asyncio.timeout(10):
        await supervised.stop.wait()
    assert not await supervised.worker.others_stay()
    assert not supervised.worker.leaves_alone


async def test_a_worker_leaves_the_port_and_removes_the_directory_when_its_supervisor_ends(
    supervised: Supervised, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    supervised.supervisor.close()
    async with asyncio.timeout(10):
        await supervised.stop.wait()
    assert await supervised.worker.others_stay()
    await supervised.end()
    assert not tmp_path.exists()  # noqa: ASYNC240 - on a local disk
    assert "left" not in capfd.readouterr().err


async def test_the_sentence_of_a_worker_is_its_supervisors_and_else_its_own(
    supervised: Supervised, capfd: pytest.CaptureFixture[str]
) -> None:
    supervised.worker.report("No such vhost:\ncheck it.")
    assert supervised.said() == b"unusable No such vhost: check it.\n"
    assert capfd.readouterr().err == ""
    supervised.supervisor.close()
    supervised.worker.report("No such vhost.")
    assert capfd.readouterr().err == "gateway: No such vhost.\n"


def test_other_command_lines_are_no_workers() -> None:
    assert Worker.from_arguments([]) is None
    assert Worker.from_arguments(["--help"]) is None
