"""The supervisor of several gateways behind one port: their start, their restarts, their end."""

import asyncio
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import structlog

from common.errors import Misconfigured
from common.http.listener import ListenerOfSeveral
from common.http.server import CLOSE_TIMEOUT_S, LINGER_S
from gateway.settings import GatewaySettings
from gateway.workers.process import WorkerProcess

UNSERVED_S: Final = 5.0
"""The time for which connections wait while no worker accepts them; then they are refused."""

END_S: Final = 3 * LINGER_S + CLOSE_TIMEOUT_S + 2
"""The time that a worker may take to end beyond its drain time."""

MAX_DIRECTORY_BYTES: Final = 80
"""The longest path of a directory for Unix sockets, whose names have at most 103 bytes on macOS."""

log = structlog.get_logger()


class Supervisor:
    """As many gateways as ``settings`` say, which accept connections from the same sockets.

    The supervisor holds those sockets, one for each address, so that a worker that leaves takes no
    connection with it, and opens them when the first of them has caught up.

    Raises:
        Misconfigured: an address cannot be listened on.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._listener = ListenerOfSeveral(settings.binds)
        self._workers: list[WorkerProcess] = []
        self._stop = asyncio.Event()
        self._refusal: asyncio.TimerHandle | None = None
        self._unusable: Misconfigured | None = None

    async def run(self, stop: asyncio.Event) -> bool:
        """Run until ``stop`` is set; return whether all workers have ended well.

        Raises:
            Misconfigured: a worker cannot be used as configured, so all of them were ended.
        """
        self._stop = stop
        with _private_directory() as name:
            self._workers = self._create_workers(Path(name))
            binds = ",".join(self._settings.binds)
            log.info("starting workers", count=len(self._workers), bind=binds)
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(self._watch(worker)) for worker in self._workers]
                await stop.wait()
                log.info("stopping workers")
                await self._end(running)
        if self._unusable is not None:
            raise self._unusable
        return all(task.result() for task in running)

    def _create_workers(self, directory: Path) -> list[WorkerProcess]:
        count = self._settings.workers
        return [
            WorkerProcess(
                (str(number), str(count), str(directory)),
                self._listener.sockets,
                on_ready=self._open_to,
                on_left=self._refuse_if_unserved,
            )
            for number in range(1, count + 1)
        ]

    async def _watch(self, worker: WorkerProcess) -> bool:
        """Run a worker; it ends only with all others, or with the sentence that ends them."""
        try:
            return await worker.run()
        except Misconfigured as exc:
            self._unusable = exc
            return False
        finally:
            self._stop.set()

    async def _end(self, running: list[asyncio.Task[bool]]) -> None:
        """End all workers, by force if they take too long. The last of them closes the port."""
        for worker in self._workers:
            worker.stop()
        self._listener.close()
        _, late = await asyncio.wait(running, timeout=self._settings.drain_s + END_S)
        if late:
            log.error("workers killed: they did not end in time", count=len(late))
        for worker in self._workers:
            worker.kill()

    def _open_to(self, worker: WorkerProcess) -> None:
        """Let a worker that has caught up accept connections."""
        if self._refusal is not None:
            self._refusal.cancel()
            self._refusal = None
        try:
            self._listener.open()
        except Misconfigured as exc:
            self._unusable = exc
            self._stop.set()
        else:
            worker.accept()

    def _refuse_if_unserved(self) -> None:
        """Refuse connections, unless a worker accepts them or will in ``UNSERVED_S`` seconds."""
        if self._refusal is None and not any(worker.accepts for worker in self._workers):
            self._refusal = asyncio.get_running_loop().call_later(UNSERVED_S, self._refuse)

    def _refuse(self) -> None:
        if not self._stop.is_set():
            log.warning("no worker accepts connections: they are refused until one has caught up")
            self._listener.refuse()


def _private_directory() -> TemporaryDirectory[str]:
    """Create a directory for Unix sockets that only this user may enter.

    Raises:
        Misconfigured: there is no place for one.
    """
    try:
        directory = TemporaryDirectory(prefix="predictmq-")
    except OSError as exc:
        raise Misconfigured(f"no temporary directory ({exc.strerror}): set TMPDIR.") from exc
    if len(os.fsencode(directory.name)) > MAX_DIRECTORY_BYTES:
        directory.cleanup()
        raise Misconfigured(f"the path {directory.name} is too long for sockets: set TMPDIR.")
    return directory
