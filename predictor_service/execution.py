"""Where the models run: threads of this process, or processes of their own.

Either way off the event loop, so that heartbeats go on whatever a model does.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import structlog

from common.errors import Misconfigured, ModelFailed, PredictorCrashed
from common.presence import ModelCard
from predictor_service.invocation import Outcome, Question, invoke
from predictor_service.models.base import load_model
from predictor_service.models.specification import Specification
from predictor_service.settings import PredictorSettings
from predictor_service.worker import Worker, WorkerDied, WorkerOverdue

T = TypeVar("T")
log = structlog.get_logger()


class Execution(Protocol):
    """Runs models, at most ``PREDICTOR_CONCURRENCY`` at once."""

    cards: tuple[ModelCard, ...]
    """The models it runs."""

    broken: asyncio.Event
    """Set when it can run no more: the predictor has to be started again."""

    async def run(self, model: str, questions: Sequence[Question]) -> list[Outcome]: ...
    def abandon(self) -> None: ...


async def open_execution(
    settings: PredictorSettings, specifications: Sequence[Specification]
) -> Execution:
    """Load the models where they will run.

    Raises:
        Misconfigured: one cannot be loaded.
    """
    if settings.isolation == "thread":
        return ThreadExecution(specifications, settings.concurrency, settings.timeout_s)
    execution = ProcessExecution(specifications, settings.concurrency, settings.timeout_s)
    await execution.start()
    return execution


class ThreadExecution:
    """``threads`` threads that share one copy of each model."""

    def __init__(
        self, specifications: Sequence[Specification], threads: int, timeout_s: float
    ) -> None:
        self._models = {each.name: load_model(each) for each in specifications}
        self._timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="model")
        self.cards = tuple(model.card for model in self._models.values())
        self.broken = asyncio.Event()

    async def run(self, model: str, questions: Sequence[Question]) -> list[Outcome]:
        """One outcome for each question.

        What is not done within ``timeout_s`` seconds is answered as failed. Its thread cannot
        be stopped and is lost, and so this execution is ``broken``.
        """
        call = asyncio.get_running_loop().run_in_executor(
            self._pool, invoke, self._models[model], questions
        )
        done, _ = await asyncio.wait((call,), timeout=self._timeout_s)
        if done:
            return call.result()
        log.critical(
            "model is overdue, this predictor ends", model=model, timeout_s=self._timeout_s
        )
        self.broken.set()
        return _overdue(questions, self._timeout_s)

    def abandon(self) -> None:
        """Start nothing more. A call that runs is left to itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class ProcessExecution:
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
        self.cards: tuple[ModelCard, ...] = ()
        self.broken = asyncio.Event()

    async def start(self) -> None:
        """Start the workers and wait until all have loaded the models.

        Raises:
            Misconfigured: a model cannot be loaded. No worker is left.
        """
        try:
            await asyncio.gather(*(self._add_worker() for _ in range(self._count)))
        except Misconfigured:
            self.abandon()
            raise

    async def run(self, model: str, questions: Sequence[Question]) -> list[Outcome]:
        """One outcome for each question.

        A worker that dies is replaced. If it had several questions they are asked again one by
        one, so that only those that end their worker fail; what it does not answer within
        ``timeout_s`` seconds fails, and the worker is killed.
        """
        worker = await self._idle.get()
        try:
            outcomes = await self._in_thread(worker.ask, model, questions, self._timeout_s)
        except WorkerOverdue:
            log.warning("model is overdue, its worker is killed", model=model)
            self._replace(worker)
            return _overdue(questions, self._timeout_s)
        except WorkerDied as exc:
            log.warning("worker died and is replaced", model=model, reason=str(exc))
            self._replace(worker)
            if len(questions) > 1:
                return [(await self.run(model, [question]))[0] for question in questions]
            return [PredictorCrashed("The prediction ended the process that ran it.")]
        self._idle.put_nowait(worker)
        return outcomes

    def abandon(self) -> None:
        """End every worker, whatever it is doing."""
        for task in self._replacing:
            task.cancel()
        for worker in self._workers:
            worker.kill()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _replace(self, worker: Worker) -> None:
        self._workers.discard(worker)
        task = asyncio.create_task(self._replaced(worker))
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    async def _replaced(self, worker: Worker) -> None:
        await self._in_thread(worker.kill)
        try:
            await self._add_worker()
        except Misconfigured as exc:
            log.critical("worker cannot be replaced, this predictor ends", reason=str(exc))
            self.broken.set()

    async def _add_worker(self) -> None:
        worker = await self._in_thread(Worker, self._specifications)
        self._workers.add(worker)
        self.cards = await self._in_thread(worker.loaded)
        self._idle.put_nowait(worker)

    async def _in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)


def _overdue(questions: Sequence[Question], timeout_s: float) -> list[Outcome]:
    failed = ModelFailed(f"The model took longer than the {timeout_s:g} s it may take.")
    return [failed for _ in questions]
