"""A worker as it sees itself: one of several gateways behind one port, under a supervisor."""

import asyncio
import shutil
import socket
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, Self

import structlog

from common.http.health import Checks
from common.restarts import happens
from gateway.workers import lifeline

COMMAND: Final = "worker"
"""The argument of ``python -m gateway`` by which the supervisor starts a worker."""

POLL_S: Final = 0.05
REPORT_EVERY_S: Final = 10.0

OTHERS_TOO_S: Final = 0.25
"""The time in which the supervisor says that all workers end.

Ctrl-C and service managers signal all processes at once, in any order."""

log = structlog.get_logger()


class Worker:
    """Worker ``number`` of ``count``; ``directory`` is that of all of them.

    ``listeners`` are the sockets that all of them share. ``supervisor`` is one end of a socket
    pair, whose other end the supervisor has.
    """

    def __init__(
        self,
        number: int,
        count: int,
        directory: Path,
        supervisor: socket.socket,
        listeners: tuple[socket.socket, ...],
    ) -> None:
        self.number = number
        self.count = count
        self.directory = directory
        self.listeners = listeners
        self._supervisor = supervisor
        self._supervisor.setblocking(False)
        self._may_accept = asyncio.Event()
        self._all_end = asyncio.Event()
        self._is_orphan = False
        self.leaves_alone = False

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> Self | None:
        """Return the worker of a command line, as ``arguments`` of it wrote them; else None."""
        match arguments:
            case [str(command), number, count, directory, *descriptors] if command == COMMAND:
                supervisor, *listeners = (socket.socket(fileno=int(each)) for each in descriptors)
                return cls(int(number), int(count), Path(directory), supervisor, tuple(listeners))
        return None

    async def run(self, stop: asyncio.Event) -> None:
        """Listen to the supervisor until cancelled; ``stop`` is set when it or all of them end."""
        loop = asyncio.get_running_loop()

        def receive() -> None:
            try:
                words = self._supervisor.recv(lifeline.MAX_BYTES)
            except ConnectionError:  # killed with words of ours unread
                words = b""
            if lifeline.ACCEPT in words:
                self._may_accept.set()
            if lifeline.STOP in words:
                self._all_end.set()
                stop.set()
            if not words:
                log.warning("the supervisor has ended")
                loop.remove_reader(self._supervisor)
                self._is_orphan = True
                stop.set()

        loop.add_reader(self._supervisor, receive)
        try:
            await asyncio.Event().wait()
        finally:
            loop.remove_reader(self._supervisor)
            if self._is_orphan:  # nobody else removes it
                shutil.rmtree(self.directory, ignore_errors=True)

    async def may_accept(self, conditions: Checks, stop: asyncio.Event) -> bool:
        """Wait until ``conditions`` hold and the port is open; return False once ``stop`` is set.

        Logs every ``REPORT_EVERY_S`` seconds which of them do not hold.
        """
        report = partial(log.info, "catching up")
        report_s = time.monotonic()
        while missing := [name for name, holds in conditions.items() if not holds()]:
            if time.monotonic() >= report_s:
                report(missing=missing)
                report = partial(log.warning, "not listening: not caught up")
                report_s += REPORT_EVERY_S
            if await happens(stop, POLL_S):
                return False
        self._tell(lifeline.line(lifeline.READY))
        while not self._may_accept.is_set():
            if await happens(stop, POLL_S):
                return False
        return True

    async def others_stay(self) -> bool:
        """Return whether this worker, which was told to end, ends alone.

        It also does without a supervisor: the port has to be free for the next one.
        """
        if not self._is_orphan and await happens(self._all_end, OTHERS_TOO_S):
            return False
        self.leaves_alone = True
        self._tell(lifeline.line(lifeline.LEFT))
        return True

    def report(self, sentence: str) -> None:
        """Have the supervisor say why no restart of this worker would help."""
        if not self._tell(lifeline.line(lifeline.UNUSABLE, sentence)):
            print(f"gateway: {sentence}", file=sys.stderr)

    def _tell(self, words: bytes) -> bool:
        """Return whether there is a supervisor to be told."""
        try:
            self._supervisor.send(words)
        except OSError:
            return False
        return True
