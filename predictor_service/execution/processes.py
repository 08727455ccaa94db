"""Run the models in processes of their own: one that crashes costs only its own request."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import structlog

from common.contract.announcement import ModelCard
from common.errors import Cancelled, PredictionError, PredictorCrashed
from predictor_service.execution.assignments import Assignments
from predictor_service.execution.invocation import ModelInput, OnProgress, Outcome, nobody_hears
from predictor_service.execution.runner import RunnerBroken, heard_in_loop, overdue
from predictor_service.execution.worker import Worker, WorkerDied, WorkerGone, WorkerOverdue
from predictor_service.models.specification import Specification
from predictor_service.settings import LONGEST_RUN_S

T = TypeVar("T")
log = structlog.get_logger()

REPLACE_PAUSES_S: Final = (0.0, 0.5, 2.0)
"""Before each attempt to replace a worker: one may be killed while it loads, too."""


class ProcessRunner:
    """``workers`` processes, each with its own copy of each model."""

    def __init__(
        self, specifications: Sequence[Specification], workers: int, timeout_s: float
    ) -> None:
        self._specifications = specifications
        self._count = workers
        self._timeout_s = timeout_s
        self._workers: set[Worker] = set()
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        # A thread for each worker waits on its pipe; while one is replaced, a second one does.
        self._pool = ThreadPoolExecutor(2 * workers, thread_name_prefix="worker")
        self._replacing: set[asyncio.Task[None]] = set()
        self._asked = Assignments()
        self.cards: tuple[ModelCard, ...] = ()
        self.broken = asyncio.Event()
        self.on_progress: OnProgress = nobody_hears

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

    async def run(self, model: str, questions: Sequence[ModelInput]) -> list[Outcome]:
        """See ``Execution.run``.

        A worker that dies is replaced; one that does not answer within ``timeout_s`` seconds, or
        is stopped (see ``Assignments.stop``), is killed and replaced. If it had several inputs they
        run again one by one, so that only those fail that are to blame. What was stopped is
        ``Cancelled``, unless it ran in a batch that went on.

        Raises:
            RunnerBroken: no worker is left, and none could be started.
        """
        end_s = time.monotonic() + LONGEST_RUN_S
        with self._asked.under_way(questions):
            outcome = await self._ask(model, questions, self._timeout_s)
            if not isinstance(outcome, PredictionError):
                return outcome
            if len(questions) == 1 or self._asked.are_stopped(questions):
                return [outcome] * len(questions)
            return [await self._ask_one(model, question, end_s) for question in questions]

    def stop(self, correlation_id: str) -> None:
        """Stop what runs for this id, and do not begin it if it waits for a worker."""
        self._asked.stop(correlation_id)

    def abandon(self) -> None:
        """End every worker, whatever it is doing."""
        for task in self._replacing:
            task.cancel()
        for worker in self._workers:
            worker.kill()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _ask_one(self, model: str, question: ModelInput, end_s: float) -> Outcome:
        timeout_s = min(self._timeout_s, end_s - time.monotonic())
        if timeout_s <= 0:
            return overdue(LONGEST_RUN_S)
        outcome = await self._ask(model, [question], timeout_s)
        return outcome if isinstance(outcome, PredictionError) else outcome[0]

    async def _ask(
        self, model: str, questions: Sequence[ModelInput], timeout_s: float
    ) -> list[Outcome] | PredictionError:
        """The outcomes, or what became of the worker over the questions."""
        while True:
            worker = await self._idle_worker()
            if self._asked.are_stopped(questions):
                self._idle.put_nowait(worker)
                return Cancelled()
            try:
                with self._asked.of(worker, questions, is_batch=self._takes_batches(model)):
                    outcomes = await self._in_thread(
                        worker.ask, model, questions, timeout_s, heard_in_loop(self)
                    )
            except WorkerGone as exc:
                log.warning("idle worker died and is replaced", reason=str(exc))
                self._replace(worker)
                continue
            except (WorkerOverdue, WorkerDied) as exc:
                self._replace(worker)
                if self._asked.is_one_stopped(questions):
                    log.info("prediction cancelled, its worker is replaced", model=model)
                    return Cancelled()
                return _fate(exc, model, timeout_s)
            except Exception:
                self._replace(worker)
                raise
            self._idle.put_nowait(worker)
            return outcomes

    def _takes_batches(self, model: str) -> bool:
        return any(card.takes_batches for card in self.cards if card.name == model)

    async def _idle_worker(self) -> Worker:
        """A worker that has nothing to do; waits for one while there is hope."""
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

    def _replace(self, worker: Worker) -> None:
        self._workers.discard(worker)
        task = asyncio.create_task(self._replaced(worker))
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    async def _replaced(self, worker: Worker) -> None:
        await self._in_thread(worker.kill)
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
            self.cards = await self._in_thread(worker.loaded)
        except Exception:
            await self._in_thread(worker.kill)
            self._workers.discard(worker)  # if we are cancelled before, ``abandon`` ends it
            raise
        self._idle.put_nowait(worker)

    async def _in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)


def _fate(exc: WorkerOverdue | WorkerDied, model: str, timeout_s: float) -> PredictionError:
    """What the caller learns of a worker that did not answer."""
    if isinstance(exc, WorkerOverdue):
        log.warning("model is overdue, its worker is killed", model=model)
        return overdue(timeout_s)
    log.warning("worker died and is replaced", model=model, reason=str(exc))
    return PredictorCrashed("The prediction ended the process that ran it.")
