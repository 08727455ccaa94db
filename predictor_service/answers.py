"""Publish replies to their return addresses, then acknowledge the requests.

The acknowledgement comes last: whatever dies before it, the broker hands the request over
again. A request may so be run more than once; it is never lost.
"""

import asyncio
import time
from collections import Counter
from typing import Final, Protocol

import structlog

from common.amqp import backoff_s
from common.errors import Cancelled, Unavailable, Unroutable
from common.messages import Message, Reply
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
        self.outcomes: Counter[str] = Counter()
        """Predictions by how they ended: ``succeeded`` or an error's code.

        Those that are ``cancelled`` are not answered."""

    async def drop(self, job: Job) -> None:
        """Acknowledge a request that was cancelled, so that nobody answers it.

        Raises:
            ConnectionLost: the acknowledgement was not sent: the request comes again.
        """
        self.outcomes[Cancelled.code] += 1
        await job.delivery.channel.acknowledge(job.delivery.tag)

    async def send(self, job: Job, reply: Reply) -> bool:
        """Answer a request and acknowledge it; returns whether that is done, or it comes again.

        Raises:
            ConnectionLost: the acknowledgement was not sent: the request comes again.
        """
        if not await self._publish(job, reply):
            return False
        self.outcomes[reply.outcome()] += 1
        await job.delivery.channel.acknowledge(job.delivery.tag)
        return True

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
