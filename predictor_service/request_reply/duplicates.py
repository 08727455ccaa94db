"""Requests that are handed over again although nobody has to run them again. No I/O.

The same one has the same ``message_id``, which is unique for each publish; what has none, or is
sent again, is another one.

When a connection is lost the broker hands over again what it has no acknowledgement of. Here it may
still run, or its reply is confirmed already: then only the acknowledgement is left to send.
"""

from typing import Final

from predictor_service.request_reply.job import Job

MAX_KNOWN: Final = 10_000
"""Answered requests that are remembered, some two megabytes: those whose acknowledgements a
connection can have lost are far fewer."""


class RedeliveredRequests:
    """Which requests run here, and which were answered lately."""

    def __init__(self) -> None:
        self._running: dict[str, list[Job]] = {}
        """Each with what has come again meanwhile."""
        self._answered: dict[str, None] = {}

    def begin(self, job: Job) -> None:
        """A request is to run: ``end`` has to follow."""
        if job.delivery.message_id:
            self._running.setdefault(job.delivery.message_id, [])

    def answered(self, job: Job) -> None:
        """The reply to a request is confirmed."""
        if job.delivery.message_id:
            self._answered[job.delivery.message_id] = None
        if len(self._answered) > MAX_KNOWN:
            del self._answered[next(iter(self._answered))]

    def end(self, job: Job) -> list[Job]:
        """A request runs no more; returns what came again meanwhile and was held back."""
        return self._running.pop(job.delivery.message_id, [])

    def hold(self, job: Job) -> bool:
        """Hold a request back that has come, if it runs here; returns whether it does."""
        held = self._running.get(job.delivery.message_id)
        if held is None:
            return False
        held.append(job)
        return True

    def is_answered(self, job: Job) -> bool:
        """Whether the same request was answered, so that it only has to be acknowledged."""
        return job.delivery.message_id in self._answered
