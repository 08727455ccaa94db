"""The run of a batch of requests: deadline → model → outcomes, with the time of each."""

import time
from collections.abc import Container, Sequence
from contextlib import suppress

import structlog

from common.errors import Cancelled, DeadlineExceeded, ModelFailed, PredictionError
from predictor_service.execution.invocation import Outcome
from predictor_service.execution.runner import ModelRunner, RunnerBroken
from predictor_service.request_reply.job import Job, RunRecord
from predictor_service.request_reply.observer import Observer
from predictor_service.request_reply.progress_events import ProgressEvents
from predictor_service.scheduling.pace import Pace

log = structlog.get_logger()


class BatchRunner:
    """A runner of batches, which are model calls of ``runner``.

    ``pace`` and ``observer`` record each model call. Requests whose correlation ids are among the
    ``cancelled`` are not run.
    """

    def __init__(
        self,
        runner: ModelRunner,
        progress_events: ProgressEvents,
        cancelled: Container[str],
        observer: Observer,
        pace: Pace,
    ) -> None:
        self._runner = runner
        self._progress_events = progress_events
        self._cancelled = cancelled
        self._observer = observer
        self._pace = pace
        self._batched = {card.name for card in runner.cards if card.takes_batches}

    async def run(self, batch: Sequence[Job]) -> dict[Job, RunRecord]:
        """Run the model on the requests of a batch, except on those that are too late.

        Requests without a record have not been run.
        """
        started_s = time.time()
        records = {job: RunRecord(why, started_s) for job in batch if (why := self._too_late(job))}
        in_time = [job for job in batch if job not in records]
        if in_time:
            with suppress(RunnerBroken):
                outcomes, took_s = await self._call(in_time)
                size = len(in_time) if in_time[0].model in self._batched else 1
                ran = in_time[: len(outcomes)]
                self._observer.ran(ran, started_s, took_s, size)
                for job, outcome in zip(ran, outcomes, strict=True):
                    records[job] = RunRecord(outcome, started_s, took_s, size)
        return records

    def _too_late(self, job: Job) -> PredictionError | None:
        """Return why a request is not run any more, after it has waited; None if it is."""
        if job.request.correlation_id in self._cancelled:
            return Cancelled()
        if job.is_late:
            return DeadlineExceeded("No predictor started the prediction before its deadline.")
        return None

    async def _call(self, jobs: list[Job]) -> tuple[list[Outcome], float]:
        """Run the model; return the outcomes, and the seconds that one model call took."""
        inputs = [job.model_input() for job in jobs]
        started_s = time.monotonic()
        try:
            with self._progress_events.running(jobs), self._observer.model_call(jobs) as span:
                outcomes = await self._runner.run(jobs[0].model, inputs)
                self._observer.called(span, outcomes)
        except RunnerBroken:
            raise
        except Exception:  # a bug of ours: the callers get an error, and the other requests run
            log.exception("model call failed in the predictor", model=jobs[0].model)
            outcomes = [ModelFailed("The predictor failed on this input.") for _ in jobs]
        calls = 1 if jobs[0].model in self._batched else len(outcomes)
        took_s = (time.monotonic() - started_s) / calls
        self._pace.observe(took_s)
        return outcomes, took_s
