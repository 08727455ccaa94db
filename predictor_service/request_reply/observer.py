"""Observations of predictions: numbers, one log line each, and spans if there is a tracer.

Each problem is logged by the part that meets it, and the end of each prediction here.
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
    """The observer of each batch: it is taken, runs, is answered, and is forgotten."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer
        self._spans: dict[Job, Span] = {}
        self._log = structlog.get_logger().bind()  # once, instead of for each line
        self.redeliveries = 0
        """Requests that were redelivered, because a predictor did not acknowledge them."""
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
        """Record that a batch is about to run; ``forget`` has to follow, unless it waits again."""
        for job in batch:
            self.redeliveries += job.delivery.redeliveries > 0
            if self._tracer is not None and job not in self._spans:
                message = job.delivery.message
                self._spans[job] = self._tracer.delivered(message, _queue(job), job.arrived_s)

    def model_call(self, jobs: Sequence[Job]) -> AbstractContextManager[Span | None]:
        """Record a model call with ``jobs``, which lasts as long as the context.

        ``called`` has to follow with its span, if it has outcomes.
        """
        if self._tracer is None:
            return NOTHING
        return self._tracer.model_call(jobs[0].model, [self._spans[job] for job in jobs])

    def called(self, span: Span | None, outcomes: Iterable[Outcome]) -> None:
        """Record the outcomes of a model call: it failed if the model is to blame for one."""
        if span is not None:
            for outcome in outcomes:
                if isinstance(outcome, PredictionError) and outcome.blame is Blame.MODEL:
                    span.fail(outcome.code)

    def ran(self, jobs: Sequence[Job], started_s: float, took_s: float, batch_size: int) -> None:
        """Record calls of ``batch_size`` requests each, which took ``took_s`` seconds each.

        The first one started at ``started_s``, in Unix time.
        """
        model = jobs[0].model
        for _ in range(0, len(jobs), batch_size):
            self.model_seconds.of(model).observe(took_s)
            self.batch_sizes.of(model).observe(batch_size)
        queued = self.queue_seconds.of(model)
        for job in jobs:
            queued.observe(max(0.0, started_s - job.accepted_s))

    def replying(self, job: Job) -> AbstractContextManager[object]:
        """Record that a publish in this context is the reply to ``job``."""
        return self._tracer.within(self._spans[job]) if self._tracer is not None else NOTHING

    def ended(self, job: Job, record: RunRecord, reply: Reply | None) -> None:
        """Record that a request was answered; without a reply if it was cancelled."""
        fields = {
            "state": "cancelled" if reply is None else reply.state,
            "model": job.model,
            "ms": round((time.time() - job.arrived_s) * 1000, 2),
            "queue_ms": round(max(0.0, record.started_s - job.accepted_s) * 1000, 2),
            "model_ms": round(record.took_s * 1000, 2),
            "batch": record.batch_size,
        }
        if reply is not None and reply.type != MessageType.SUCCEEDED:
            fields["code"] = reply.outcome()
        span = self._spans.pop(job, None)
        traced = {"trace_id": span.trace_id} if span is not None else {}
        self._log.info("prediction", correlation_id=job.request.correlation_id, **fields, **traced)
        if span is not None:
            span.note({f"predictmq.{name}": value for name, value in fields.items()})
            if isinstance(record.outcome, PredictionError):
                span.fail(str(fields.get("code", fields["state"])))
            span.end()

    def forget(self, jobs: Iterable[Job]) -> None:
        """Forget requests. Those that have not ended are redelivered, here or elsewhere."""
        if self._spans:
            for job in jobs:
                span = self._spans.pop(job, None)
                if span is not None:
                    span.fail("redelivered")
                    span.end()


def _queue(job: Job) -> str:
    return (sync_queue if job.lane is Lane.SYNC else async_queue)(job.model)
