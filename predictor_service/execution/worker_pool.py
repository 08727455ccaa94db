"""A pool of worker processes that replaces those that end."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import structlog

from common.contract.announcement import ModelCard
from predictor_service.execution.runner import RunnerBroken
from predictor_service.execution.worker import Worker
from predictor_service.models.specification import Specification

T = TypeVar("T")
log = structlog.get_logger()

REPLACE_PAUSES_S: Final = (0.0, 0.5, 2.0)
"""The pause before each attempt to replace a worker: one may be killed while it loads, too."""


class WorkerPool:
    """``count`` worker processes, each with its own copy of each model."""

    def __init__(self, specifications: Sequence[Specification], count: int) -> None:
        self._specifications = specifications
        self._count = count
        self._workers: set[Worker] = set()
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        # A thread for each worker waits on its pipe; while one is replaced, a second one does.
        self._threads = ThreadPoolExecutor(2 * count, thread_name_prefix="worker")
        self._replacing: set[asyncio.Task[None]] = set()
        self.cards: tuple[ModelCard, ...] = ()
        self.broken = asyncio.Event()
        """Set when a worker cannot be replaced."""

    async def start(self) -> None:
        """Start the workers and wait until all have loaded the models.

        Raises:
            ExceptionGroup: of ``Misconfigured``: a model cannot be loaded. No worker is left.
        """
        try:
            async with asyncio.TaskGroup() as loading:
                for _ in range(self._count):
                    loading.create_task(self._add_worker())
        except BaseException:
            self.abandon()
            raise

    async def idle_worker(self) -> Worker:
        """Wait for an idle worker; ``release`` or ``replace`` has to follow.

        Raises:
            RunnerBroken: no worker is idle, and one cannot be replaced.
        """
        if not self._idle.empty():
            return self._idle.get_nowait()
        waiting = [asyncio.create_task(self._idle.get()), asyncio.create_task(self.broken.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        idle, _ = waiting
        if idle.done():
            worker = idle.result()
            assert isinstance(worker, Worker)
            return worker
        raise RunnerBroken

    def release(self, worker: Worker) -> None:
        """Make a worker idle again."""
        self._idle.put_nowait(worker)

    def replace(self, worker: Worker) -> None:
        """Kill a worker, and start another one in its place."""
        self._workers.discard(worker)
        task = asyncio.create_task(self._replaced(worker))
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    def abandon(self) -> None:
        """End every worker, in whatever state it is."""
        for task in self._replacing:
            task.cancel()
        for worker in self._workers:
            worker.kill()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        """Run a call that blocks in one of the threads that wait for workers."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    async def _replaced(self, worker: Worker) -> None:
        await self.in_thread(worker.kill)
        for pause_s in REPLACE_PAUSES_S:
            await asyncio.sleep(pause_s)
            try:
                await self._add_worker()
            except Exception as exc:  # the models, or the system: no process, no memory
                log.warning("worker not replaced", reason=str(exc))
            else:
                return
        log.critical("worker cannot be replaced, this predictor ends")
        self.broken.set()

    async def _add_worker(self) -> None:
        worker = Worker(self._specifications)
        self._workers.add(worker)
        try:
            self.cards = await self.in_thread(worker.loaded)
        except Exception:
            await self.in_thread(worker.kill)
            self._workers.discard(worker)  # if this is cancelled before, ``abandon`` kills it
            raise
        self._idle.put_nowait(worker)
