"""Events of predictions that run, for callers who follow them: started, and progress.

Published in the background: nothing waits for an event, and it may be lost. A prediction that ends
within ``STARTED_AFTER_S`` has none: no caller could follow it, and each event costs every gateway a
message.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from common.amqp.publisher import Publisher
from common.contract.messages import Message
from common.contract.progress import Progress, started
from common.contract.topology import REPLIES
from common.errors import Unavailable
from predictor_service.request_reply.job import Job

STARTED_AFTER_S: Final = 0.05
"""The time that a prediction has to run before its start is published."""

PUBLISH_TIMEOUT_S: Final = 10.0

log = structlog.get_logger()


class ProgressEvents:
    """The publisher of events to the reply stream."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._starting: dict[str, asyncio.TimerHandle] = {}
        self._publishing: set[asyncio.Task[None]] = set()

    @contextmanager
    def running(self, jobs: Iterable[Job]) -> Iterator[None]:
        """Publish the start of the jobs that are followed, if the context lasts long enough."""
        ids = [job.request.correlation_id for job in jobs if job.is_followed]
        call_later = asyncio.get_running_loop().call_later
        delay_s = STARTED_AFTER_S
        self._starting |= {each: call_later(delay_s, self._publish_start, each) for each in ids}
        try:
            yield
        finally:
            for each in ids:
                self._cancel_start(each)

    def progress(self, correlation_id: str, progress: Progress) -> None:
        """Publish the progress of a prediction that is followed, after its start."""
        self._publish_start(correlation_id)
        self._publish_soon(progress.to_message(correlation_id, int(time.time())))

    def _publish_start(self, correlation_id: str) -> None:
        if self._cancel_start(correlation_id):
            self._publish_soon(started(correlation_id, int(time.time())))

    def _cancel_start(self, correlation_id: str) -> bool:
        """Cancel the event of a start; return whether it was still to be published."""
        timer = self._starting.pop(correlation_id, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def _publish_soon(self, event: Message) -> None:
        """Publish in a task, which sends the event before the reply is sent, or never."""
        publishing = asyncio.create_task(self._publish(event))
        self._publishing.add(publishing)
        publishing.add_done_callback(self._publishing.discard)

    async def _publish(self, event: Message) -> None:
        try:
            await self._publisher.publish(event, REPLIES, timeout_s=PUBLISH_TIMEOUT_S)
        except Unavailable as exc:
            log.info("event not told", type=event.type, reason=exc.sentence)
