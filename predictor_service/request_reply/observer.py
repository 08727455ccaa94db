"""Tell of predictions: numbers, a line for each one that has ended, and spans if there is a tracer.

Whatever goes wrong with a prediction is told by who notices it; this says how each one fared.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import structlog

from common.contract.messages import MessageType, Reply
from common.contract.topology import async_queue, sync_queue
from common.errors import Blame, PredictionError
from common.telemetry.metrics import COUNTS, SECONDS, Distributions
from common.telemetry.tracing import Span, Tracer
from predictor_service.execution.invocation import Outcome
from predictor_service.request_reply.job import Job, RunRecord
from predictor_service.scheduling.lanes import Lane

NOTHING: Final[AbstractContextManager[None]] = nullcontext()


class Observer:
    """Is told of each batch when it is taken, runs, is answered, and is done with."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer
        self._spans: dict[Job, Span] = {}
        self._log = structlog.get_logger().bind()  # once, instead of for each line
        self.redeliveries = 0
        """Requests that came back before, because whoever had them did not answer."""
        self.model_seconds = Distributions(
            "predictmq_model_call_duration_seconds",
            "How long model calls took, by model.",
            "model",
            SECONDS,
        )
        self.batch_sizes = Distributions(
            "predictmq_batch_size", "Predictions in a model call, by model.", "model", COUNTS
        )
        self.queue_seconds = Distributions(
            "predictmq_queue_duration_seconds",
            "From the acceptance of a prediction to its start, by model.",
            "model",
            SECONDS,
        )

    def taken(self, batch: Sequence[Job]) -> None:
        """A batch is to run. ``done`` has to follow, of what waits on here when it does no more."""
        for job in batch:
            self.redeliveries += job.delivery.redeliveries > 0
            if self._tracer is not None and job not in self._spans:
                message = job.delivery.message
                self._spans[job] = self._tracer.delivered(message, _queue(job), job.arrived_s)

    def model_call(self, jobs: Sequence[Job]) -> AbstractContextManager[Span | None]:
        """The model is called with ``jobs``, for as long as the context lasts.

        ``called`` is to be told of its span what came of it.
        """
        if self._tracer is None:
            return NOTHING
        return self._tracer.model_call(jobs[0].model, [self._spans[job] for job in jobs])

    def called(self, call: Span | None, outcomes: Iterable[Outcome]) -> None:
        """A model call has ended: it is an error if the model's fault is among its outcomes."""
        if call is not None:
            for outcome in outcomes:
                if isinstance(outcome, PredictionError) and outcome.blame is Blame.MODEL:
                    call.fail(outcome.code)

    def ran(self, jobs: Sequence[Job], started_s: float, took_s: float, batch: int) -> None:
        """Calls of ``batch`` requests each, from ``started_s`` on, took ``took_s`` seconds each.

        ``started_s`` is Unix time.
        """
        model = jobs[0].model
        for _ in range(0, len(jobs), batch):
            self.model_seconds.of(model).observe(took_s)
            self.batch_sizes.of(model).observe(batch)
        queued = self.queue_seconds.of(model)
        for job in jobs:
            queued.observe(max(0.0, started_s - job.accepted_s))

    def answering(self, job: Job) -> AbstractContextManager[object]:
        """What is published here is the answer to ``job``."""
        return self._tracer.within(self._spans[job]) if self._tracer is not None else NOTHING

    def ended(self, job: Job, ran: RunRecord, reply: Reply | None) -> None:
        """A request was answered, with nothing if it was cancelled."""
        facts = {
            "state": "cancelled" if reply is None else reply.state,
            "model": job.model,
            "ms": round((time.time() - job.arrived_s) * 1000, 2),
            "queue_ms": round(max(0.0, ran.started_s - job.accepted_s) * 1000, 2),
            "model_ms": round(ran.took_s * 1000, 2),
            "batch": ran.batch,
        }
        if reply is not None and reply.type != MessageType.SUCCEEDED:
            facts["code"] = reply.outcome()
        span = self._spans.pop(job, None)
        traced = {"trace_id": span.trace_id} if span is not None else {}
        self._log.info("prediction", correlation_id=job.request.correlation_id, **facts, **traced)
        if span is not None:
            span.note({f"predictmq.{name}": value for name, value in facts.items()})
            if isinstance(ran.outcome, PredictionError):
                span.fail(str(facts.get("code", facts["state"])))
            span.end()

    def done(self, jobs: Iterable[Job]) -> None:
        """What has not ended comes again, here or elsewhere."""
        if self._spans:
            for job in jobs:
                span = self._spans.pop(job, None)
                if span is not None:
                    span.fail("redelivered")
                    span.end()


def _queue(job: Job) -> str:
    return (sync_queue if job.lane is Lane.SYNC else async_queue)(job.model)
