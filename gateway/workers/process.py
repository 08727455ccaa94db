"""A worker as the supervisor sees it: a process that is started again when it ends."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from common.errors import Misconfigured
from common.restarts import keep_running
from common.service import BROKEN, UNUSABLE
from gateway.workers import lifeline
from gateway.workers.worker import COMMAND

ENDED_WELL: Final = frozenset({0, -signal.SIGTERM, -signal.SIGINT})
"""Exit codes of a worker that was told to end; by the signal if it had not begun to serve."""

log = structlog.get_logger()


class WorkerProcess:
    """One worker: ``place`` is its number, the number of all, and the directory of all.

    ``on_ready`` is called when it could accept connections of ``listeners``, and ``on_left`` when
    it accepts none any more.
    """

    def __init__(
        self,
        place: tuple[str, str, str],
        listeners: tuple[socket.socket, ...],
        *,
        on_ready: "Callable[[WorkerProcess], None]",
        on_left: Callable[[], None],
    ) -> None:
        self._place = place
        self._listeners = listeners
        self._on_ready = on_ready
        self._on_left = on_left
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._lifeline: socket.socket | None = None
        self._unread = b""
        self._sentence = ""
        self._was_stopped = False
        self.accepts = False

    async def run(self) -> bool:
        """Run it, again and again, until it is told to end; return whether it has ended well.

        Raises:
            Misconfigured: it cannot be used as configured.
        """
        code = await keep_running(
            self._run_once,
            self._stopping,
            is_final=lambda code: code == UNUSABLE,
            on_restart=lambda ending, pause_s: log.warning(
                "worker ended", worker=self._place[0], ending=ending, restart_in_s=pause_s
            ),
        )
        if code == UNUSABLE:
            raise Misconfigured(self._sentence or f"a worker ended with exit code {code}.")
        return code in ENDED_WELL or not self._was_stopped

    def accept(self) -> None:
        """Let the worker accept connections."""
        self.accepts = True
        self._tell(lifeline.ACCEPT)

    def stop(self) -> None:
        """Tell the worker to end, as all of them do."""
        self._stopping.set()
        if self._process is not None:
            self._was_stopped = True
            self._tell(lifeline.STOP)
            with suppress(ProcessLookupError):  # it has just ended
                self._process.terminate()  # it may not read its lifeline yet

    def kill(self) -> None:
        """End the worker at once."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _run_once(self) -> int:
        ours, theirs = socket.socketpair()
        with ours:
            ours.setblocking(False)
            try:
                with theirs:
                    self._process = await self._start(theirs, *self._listeners)
            except OSError as exc:  # no memory, or too many processes
                log.warning("worker not started", worker=self._place[0], reason=str(exc))
                return BROKEN
            return await self._until_end(self._process, ours)

    async def _start(self, *sockets: socket.socket) -> asyncio.subprocess.Process:
        descriptors = [each.fileno() for each in sockets]
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", COMMAND, *self._place, *map(str, descriptors)),
            pass_fds=descriptors,
        )

    async def _until_end(self, process: asyncio.subprocess.Process, ours: socket.socket) -> int:
        loop = asyncio.get_running_loop()
        self._lifeline, self._unread = ours, b""
        loop.add_reader(ours, self._receive)
        if self._stopping.is_set():  # since ``stop`` while it was being started
            self.stop()
        try:
            code = await process.wait()
            self._receive()  # its last words
        finally:
            loop.remove_reader(ours)
            self._process = self._lifeline = None
            self._leave()
        return code

    def _tell(self, words: bytes) -> None:
        if self._lifeline is not None:
            with suppress(OSError):  # it has just ended
                self._lifeline.send(words)

    def _receive(self) -> None:
        assert self._lifeline is not None
        try:
            received = self._lifeline.recv(lifeline.MAX_BYTES)
        except OSError:  # nothing is there, or the worker was killed
            received = b""
        if not received:
            asyncio.get_running_loop().remove_reader(self._lifeline)
        *lines, self._unread = (self._unread + received).split(b"\n")
        for line in lines:
            if line == lifeline.READY:
                self._on_ready(self)
            elif line == lifeline.LEFT:
                self._leave()
            elif line.startswith(lifeline.UNUSABLE):
                self._sentence = line.removeprefix(lifeline.UNUSABLE).decode(errors="replace")

    def _leave(self) -> None:
        self.accepts = False
        self._on_left()
