"""Requests that are handed over again although nobody has to run them again. No I/O.

When a connection is lost the broker hands over again what it has no acknowledgement of. Here it may
still run, or its reply is confirmed already: then only the acknowledgement is left to send.
"""

from typing import Final

from predictor_service.job import Job

MAX_KNOWN: Final = 10_000
"""Answered requests that are remembered, some two megabytes: those whose acknowledgements a
connection can have lost are far fewer."""

Key = tuple[str, str]


class Repeats:
    """Which requests run here, and which were answered lately."""

    def __init__(self) -> None:
        self._running: dict[Key, list[Job]] = {}
        """Each with what has come again meanwhile."""
        self._answered: dict[Key, None] = {}  # who was answered last is last

    def begin(self, job: Job) -> None:
        """A request is to run: ``end`` has to follow."""
        self._running.setdefault(_key(job), [])

    def answered(self, job: Job) -> None:
        """The reply to a request is confirmed."""
        self._answered[_key(job)] = None
        if len(self._answered) > MAX_KNOWN:
            del self._answered[next(iter(self._answered))]

    def end(self, job: Job) -> list[Job]:
        """A request runs no more; returns what came again meanwhile and was held back."""
        return self._running.pop(_key(job), [])

    def hold(self, job: Job) -> bool:
        """Hold a request back that has come, if it runs here; returns whether it does."""
        held = self._running.get(_key(job))
        if held is None:
            return False
        held.append(job)
        return True

    def is_answered(self, job: Job) -> bool:
        """Whether the same request was answered, so that it only has to be acknowledged."""
        return _key(job) in self._answered


def _key(job: Job) -> Key:
    """What is sent again to another return address wants an answer there."""
    return job.request.correlation_id, job.request.reply_to
