"""Where the models run: threads of this process, or processes of their own.

Either way off the event loop, so that heartbeats go on whatever a model does.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeVar

import structlog

from common.errors import Cancelled, ModelFailed, PredictionError, PredictorCrashed
from common.presence import ModelCard
from predictor_service.asked import Asked
from predictor_service.invocation import Outcome, Question, invoke
from predictor_service.models.base import load_model
from predictor_service.models.specification import Specification
from predictor_service.settings import PredictorSettings
from predictor_service.worker import Worker, WorkerDied, WorkerGone, WorkerOverdue

T = TypeVar("T")
log = structlog.get_logger()


LONGEST_RUN_S: Final = 1500.0
"""RabbitMQ takes back what was not acknowledged for 1800 s; a run ends well before, also when
the questions of a batch are asked again one by one."""

REPLACE_PAUSES_S: Final = (0.0, 0.5, 2.0)
"""Before each attempt to replace a worker: one may be killed while it loads, too."""


class Broken(Exception):
    """The execution can run no more; the questions have not been run."""


class Execution(Protocol):
    """Runs models, at most ``PREDICTOR_CONCURRENCY`` at once."""

    cards: tuple[ModelCard, ...]
    """The models it runs."""

    broken: asyncio.Event
    """Set when it can run no more: the predictor has to be started again."""

    async def run(self, model: str, questions: Sequence[Question]) -> list[Outcome]: ...
    def stop(self, correlation_id: str) -> None: ...
    def abandon(self) -> None: ...


async def open_execution(
    settings: PredictorSettings, specifications: Sequence[Specification]
) -> Execution:
    """Load the models where they will run.

    Raises:
        Misconfigured: one cannot be loaded; in an ``ExceptionGroup``, maybe.
    """
    if settings.isolation == "thread":
        return await asyncio.to_thread(
            ThreadExecution, specifications, settings.concurrency, settings.timeout_s
        )
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
        return [_overdue(self._timeout_s) for _ in questions]

    def stop(self, correlation_id: str) -> None:
        """A thread cannot be stopped: what it runs, it runs to the end."""

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
        self._asked = Asked()
        self.cards: tuple[ModelCard, ...] = ()
        self.broken = asyncio.Event()

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

    async def run(self, model: str, questions: Sequence[Question]) -> list[Outcome]:
        """One outcome for each question.

        A worker that dies is replaced; one that does not answer within ``timeout_s`` seconds
        or has a question that is stopped is killed and replaced. If it had several questions they
        are asked again one by one, so that only those fail that are to blame. What was stopped is
        ``Cancelled``.

        Raises:
            Broken: no worker is left, and none could be started.
        """
        end_s = time.monotonic() + LONGEST_RUN_S
        with self._asked.under_way(questions):
            outcome = await self._ask(model, questions, self._timeout_s)
            if not isinstance(outcome, PredictionError):
                return outcome
            if len(questions) == 1:
                return [outcome]
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

    async def _ask_one(self, model: str, question: Question, end_s: float) -> Outcome:
        timeout_s = min(self._timeout_s, end_s - time.monotonic())
        if timeout_s <= 0:
            return _overdue(LONGEST_RUN_S)
        outcome = await self._ask(model, [question], timeout_s)
        return outcome if isinstance(outcome, PredictionError) else outcome[0]

    async def _ask(
        self, model: str, questions: Sequence[Question], timeout_s: float
    ) -> list[Outcome] | PredictionError:
        """The outcomes, or what became of the worker over the questions."""
        while True:
            worker = await self._idle_worker()
            if self._asked.is_one_stopped(questions):
                self._idle.put_nowait(worker)
                return Cancelled()
            try:
                with self._asked.of(worker, questions):
                    outcomes = await self._in_thread(worker.ask, model, questions, timeout_s)
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
        raise Broken

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
        return _overdue(timeout_s)
    log.warning("worker died and is replaced", model=model, reason=str(exc))
    return PredictorCrashed("The prediction ended the process that ran it.")


def _overdue(timeout_s: float) -> ModelFailed:
    return ModelFailed(f"The model took longer than the {timeout_s:g} s it may take.")
