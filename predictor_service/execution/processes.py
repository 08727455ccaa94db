"""Models in processes of their own: an input that crashes one fails alone."""

import asyncio
import time
from collections.abc import Sequence

import structlog

from common.contract.announcement import ModelCard
from common.errors import Cancelled, PredictionError, PredictorCrashed
from predictor_service.execution.assignments import Assignments
from predictor_service.execution.invocation import (
    ModelInput,
    OnProgress,
    Outcome,
    ignore_progress,
)
from predictor_service.execution.runner import overdue, progress_in_loop
from predictor_service.execution.worker import Worker, WorkerDied, WorkerGone, WorkerOverdue
from predictor_service.execution.worker_pool import WorkerPool
from predictor_service.models.specification import Specification
from predictor_service.settings import LONGEST_RUN_S

log = structlog.get_logger()


class ProcessRunner:
    """``workers`` processes, each with its own copy of each model."""

    def __init__(
        self, specifications: Sequence[Specification], workers: int, timeout_s: float
    ) -> None:
        self._pool = WorkerPool(specifications, workers)
        self._timeout_s = timeout_s
        self._assignments = Assignments()
        self.on_progress: OnProgress = ignore_progress

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The models that the workers have loaded."""
        return self._pool.cards

    @property
    def broken(self) -> asyncio.Event:
        """Set when a worker cannot be replaced."""
        return self._pool.broken

    async def start(self) -> None:
        """Start the workers and wait until all have loaded the models.

        Raises:
            ExceptionGroup: of ``Misconfigured``: a model cannot be loaded. No worker is left.
        """
        await self._pool.start()

    async def run(self, model: str, inputs: Sequence[ModelInput]) -> list[Outcome]:
        """Run a model: see ``ModelRunner.run``.

        A worker that dies is replaced; one that does not answer within ``timeout_s`` seconds, or
        is stopped (see ``Assignments.stop``), is killed and replaced. If it had several inputs they
        run again one by one, so that only those fail that are to blame. An input that was stopped
        is ``Cancelled``, unless it ran in a batch that went on.

        Raises:
            RunnerBroken: no worker is left, and none could be started.
        """
        end_s = time.monotonic() + LONGEST_RUN_S
        with self._assignments.waiting(inputs):
            outcomes = await self._run(model, inputs, self._timeout_s)
            if not isinstance(outcomes, PredictionError):
                return outcomes
            if len(inputs) == 1 or self._assignments.are_all_stopped(inputs):
                return [outcomes] * len(inputs)
            return [await self._run_alone(model, each, end_s) for each in inputs]

    def stop(self, correlation_id: str) -> None:
        """Stop the input of this id, or do not begin it if it waits for a worker."""
        self._assignments.stop(correlation_id)

    def abandon(self) -> None:
        """End every worker, in whatever state it is."""
        self._pool.abandon()

    async def _run_alone(self, model: str, model_input: ModelInput, end_s: float) -> Outcome:
        timeout_s = min(self._timeout_s, end_s - time.monotonic())
        if timeout_s <= 0:
            return overdue(LONGEST_RUN_S)
        outcomes = await self._run(model, [model_input], timeout_s)
        return outcomes if isinstance(outcomes, PredictionError) else outcomes[0]

    async def _run(
        self, model: str, inputs: Sequence[ModelInput], timeout_s: float
    ) -> list[Outcome] | PredictionError:
        """Return the outcomes; if the worker gave none, the error that stands for all of them."""
        while True:
            worker = await self._pool.idle_worker()
            if self._assignments.are_all_stopped(inputs):
                self._pool.release(worker)
                return Cancelled()
            try:
                return await self._run_on(worker, model, inputs, timeout_s)
            except WorkerGone as exc:
                log.warning("idle worker died and is replaced", reason=str(exc))
            except (WorkerOverdue, WorkerDied) as exc:
                if self._assignments.is_any_stopped(inputs):
                    log.info("prediction cancelled, its worker is replaced", model=model)
                    return Cancelled()
                return _error(exc, model, timeout_s)

    async def _run_on(
        self, worker: Worker, model: str, inputs: Sequence[ModelInput], timeout_s: float
    ) -> list[Outcome]:
        """Run the inputs on ``worker``, which is replaced if that raises."""
        is_batch = any(card.takes_batches for card in self.cards if card.name == model)
        try:
            with self._assignments.assigned(worker, inputs, is_batch=is_batch):
                outcomes = await self._pool.in_thread(
                    worker.run, model, inputs, timeout_s, progress_in_loop(self)
                )
        except Exception:
            self._pool.replace(worker)
            raise
        self._pool.release(worker)
        return outcomes


def _error(exc: WorkerOverdue | WorkerDied, model: str, timeout_s: float) -> PredictionError:
    """Map the end of a worker to an error for the caller, and log it."""
    if isinstance(exc, WorkerOverdue):
        log.warning("model is overdue, its worker is killed", model=model)
        return overdue(timeout_s)
    log.warning("worker died and is replaced", model=model, reason=str(exc))
    return PredictorCrashed("The prediction ended the process that ran it.")
