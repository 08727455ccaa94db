"""Say what becomes of requests: publish replies to their return addresses, then acknowledge.

The acknowledgement comes last: whatever dies before it, the broker hands the request over
again. A request may so be run more than once; it is never lost.
"""

import asyncio
import time
from collections import Counter
from typing import Final, Protocol

import structlog

from common.amqp import backoff_s
from common.errors import Unavailable, Unroutable
from common.messages import Message, Reply
from common.progress import Progress, started
from common.topology import REPLIES
from predictor_service.job import Job

PUBLISH_TIMEOUT_S: Final = 10.0

log = structlog.get_logger()


class Publisher(Protocol):
    """What is needed of the connection that replies leave by."""

    async def ready(self, timeout_s: float) -> None: ...
    async def publish(self, message: Message, routing_key: str, *, timeout_s: float) -> None: ...


class Answers:
    """Sends replies over ``publisher``."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._telling: set[asyncio.Task[None]] = set()
        self.outcomes: Counter[str] = Counter()
        """Predictions by how they ended: ``succeeded`` or an error's code."""

    async def send(self, job: Job, reply: Reply) -> None:
        """Answer a request and acknowledge it.

        Raises:
            ConnectionLost: the acknowledgement was not sent: the request comes again.
        """
        if await self._publish(job, reply):
            self.outcomes[reply.outcome()] += 1
            await job.delivery.channel.acknowledge(job.delivery.tag)

    def started(self, job: Job) -> None:
        """Tell who can follow a prediction that it is about to be run; nothing waits for it."""
        if job.is_followed:
            self._tell(started(job.request.correlation_id, int(time.time())))

    def progress(self, correlation_id: str, progress: Progress) -> None:
        """Tell how far a prediction that can be followed has come."""
        self._tell(progress.to_message(correlation_id, int(time.time())))

    def _tell(self, event: Message) -> None:
        """Publish what is said in passing. It leaves before the reply does, or not at all."""
        telling = asyncio.create_task(self._publish_in_passing(event))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _publish_in_passing(self, event: Message) -> None:
        try:
            await self._publisher.publish(event, REPLIES, timeout_s=PUBLISH_TIMEOUT_S)
        except Unavailable as exc:
            log.info("event not told", type=event.type, reason=exc.sentence)

    async def _publish(self, job: Job, reply: Reply) -> bool:
        """Publish over as many connections as it takes; returns whether the reply is settled.

        When the request's own connection is gone, it is tried once more: the request comes again
        as a rule, but not if its queue is gone too.
        """
        request = job.request
        message = reply.to_message(request.correlation_id, int(time.time()))
        attempt = 0
        while True:
            is_last = not job.delivery.channel.is_open
            try:
                await self._publisher.ready(PUBLISH_TIMEOUT_S)
                await self._publisher.publish(
                    message, request.reply_to, timeout_s=PUBLISH_TIMEOUT_S
                )
            except Unavailable as exc:
                if isinstance(exc, Unroutable) and request.reply_to != REPLIES:
                    log.info("caller has left", correlation_id=request.correlation_id)
                    return True
                log.warning("reply not sent yet", reason=exc.sentence)
            else:
                return True
            if is_last:
                return False
            await asyncio.sleep(backoff_s(attempt))
            attempt += 1
