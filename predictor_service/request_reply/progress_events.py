"""Tell those who can follow a prediction what happens to it before it ends.

Said in passing: nothing waits for it, and it may be lost. Of a prediction that is over in a moment
nothing is said: nobody could follow it, and each event costs every gateway a message.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import structlog

from common.contract.messages import Message
from common.contract.progress import Progress, started
from common.contract.topology import REPLIES
from common.errors import Unavailable
from predictor_service.request_reply.job import Job

TOLD_AFTER_S: Final = 0.05
"""How long a prediction has to run before it is told that it has been started."""

PUBLISH_TIMEOUT_S: Final = 10.0

log = structlog.get_logger()


class Publisher(Protocol):
    """What is needed of the connection that events leave by."""

    async def publish(self, message: Message, routing_key: str, *, timeout_s: float) -> None: ...


class ProgressEvents:
    """Publishes events over ``publisher``."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._starting: dict[str, asyncio.TimerHandle] = {}
        self._telling: set[asyncio.Task[None]] = set()

    @contextmanager
    def running(self, jobs: Iterable[Job]) -> Iterator[None]:
        """They run for as long as the context lasts: that is told in a moment, if they still do."""
        ids = [job.request.correlation_id for job in jobs if job.is_followed]
        call_later = asyncio.get_running_loop().call_later
        self._starting |= {each: call_later(TOLD_AFTER_S, self._tell_start, each) for each in ids}
        try:
            yield
        finally:
            for each in ids:
                self._forget_start(each)

    def progress(self, correlation_id: str, progress: Progress) -> None:
        """Tell how far a prediction that can be followed has come, after the start of it."""
        self._tell_start(correlation_id)
        self._tell(progress.to_message(correlation_id, int(time.time())))

    def _tell_start(self, correlation_id: str) -> None:
        if self._forget_start(correlation_id):
            self._tell(started(correlation_id, int(time.time())))

    def _forget_start(self, correlation_id: str) -> bool:
        """A start is not to be told any more; returns whether it was."""
        timer = self._starting.pop(correlation_id, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def _tell(self, event: Message) -> None:
        """It leaves before the reply does, or not at all."""
        telling = asyncio.create_task(self._publish(event))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _publish(self, event: Message) -> None:
        try:
            await self._publisher.publish(event, REPLIES, timeout_s=PUBLISH_TIMEOUT_S)
        except Unavailable as exc:
            log.info("event not told", type=event.type, reason=exc.sentence)
