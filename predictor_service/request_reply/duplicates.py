"""Deduplication: a redelivered request that runs here or was just answered is acknowledged only.

When a connection is lost the broker redelivers the requests that are not acknowledged, although the
model may still run one here, or its reply may be confirmed already. No I/O.

The same request has the same ``message_id``, which is unique for each publish. One that has no
``message_id``, or that its gateway has published again, is another request.
"""

from typing import Final

from predictor_service.request_reply.job import Job

MAX_KNOWN: Final = 10_000
"""The answered requests that are remembered, some two megabytes: a connection can have lost the
acknowledgements of far fewer."""


class RedeliveredRequests:
    """The requests that run here, each with its duplicates, and those answered lately."""

    def __init__(self) -> None:
        self._running: dict[str, list[Job]] = {}
        self._answered: dict[str, None] = {}

    def begin(self, job: Job) -> None:
        """Record that a request is about to run; ``end`` has to follow."""
        if job.delivery.message_id:
            self._running.setdefault(job.delivery.message_id, [])

    def answered(self, job: Job) -> None:
        """Record that the reply to a request is confirmed."""
        if job.delivery.message_id:
            self._answered[job.delivery.message_id] = None
        if len(self._answered) > MAX_KNOWN:
            del self._answered[next(iter(self._answered))]

    def end(self, job: Job) -> list[Job]:
        """Record that a request runs no more; return the duplicates that were held back."""
        return self._running.pop(job.delivery.message_id, [])

    def hold(self, job: Job) -> bool:
        """Hold back a request that was delivered, if it runs here; return whether it does."""
        held = self._running.get(job.delivery.message_id)
        if held is None:
            return False
        held.append(job)
        return True

    def is_answered(self, job: Job) -> bool:
        """Return whether the same request was answered, and has only to be acknowledged."""
        return job.delivery.message_id in self._answered
