"""Replies: published to their return addresses before their requests are acknowledged.

The acknowledgement comes last: whatever dies before it, the broker redelivers the request. So a
request may run more than once; it is never lost.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import structlog

from common.amqp.connection import backoff_s
from common.amqp.publisher import Publisher
from common.contract.messages import Reply
from common.contract.topology import REPLIES
from common.errors import Cancelled, Unavailable, Unroutable
from common.telemetry.correlation import correlate
from predictor_service.request_reply.job import Job

PUBLISH_TIMEOUT_S: Final = 10.0

QUEUE_ATTEMPTS: Final = 5
"""The attempts to publish a reply to a queue, which may be full for ever, or not even a gateway's.
A reply to the stream is the only record of its prediction, and is published until confirmed."""

log = structlog.get_logger()


def unobserved(_: Job) -> AbstractContextManager[object]:
    """Return a context that records nothing."""
    return nullcontext()


class ReplySender:
    """The sender of replies, each in the context that ``replying`` returns for its request."""

    def __init__(
        self,
        publisher: Publisher,
        replying: Callable[[Job], AbstractContextManager[object]] = unobserved,
    ) -> None:
        self._publisher = publisher
        self._replying = replying
        self.outcomes: Counter[str] = Counter()
        """The count of predictions by outcome: ``succeeded``, an error's code, or ``cancelled``."""

    async def send(self, replies: Mapping[Job, Reply | None]) -> AsyncIterator[Job]:
        """Reply to requests of one connection, and acknowledge together those settled together.

        A request is settled when its reply is confirmed or its caller has left; at once if it has
        no reply, since it was cancelled. Yields each request that is settled; the broker redelivers
        one whose acknowledgement could not be sent.
        """
        async for settled in self._settled(replies):
            try:
                await settled[0].delivery.channel.acknowledge([job.delivery.tag for job in settled])
            except Unavailable as exc:
                log.warning("answered requests will be redelivered", reason=exc.sentence)
            for job in settled:
                yield job

    async def _settled(self, replies: Mapping[Job, Reply | None]) -> AsyncIterator[list[Job]]:
        """Yield the requests as they are settled; a lone one needs no task."""
        if len(replies) == 1:
            ((job, reply),) = replies.items()
            if await self._settle(job, reply):
                yield [job]
            return
        sending = {asyncio.create_task(self._settle(*each)): each[0] for each in replies.items()}
        while sending:
            done, _ = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
            settled = [sending[task] for task in done if task.result()]
            sending = {task: job for task, job in sending.items() if task not in done}
            if settled:
                yield settled

    async def _settle(self, job: Job, reply: Reply | None) -> bool:
        if reply is None:
            self.outcomes[Cancelled.code] += 1
            return True
        correlate(job.request.correlation_id)
        try:
            with self._replying(job):
                is_settled = await self._publish(job, reply)
        except Exception:  # a bug of ours costs no other request its acknowledgement
            log.exception("reply not sent", correlation_id=job.request.correlation_id)
            return False
        if is_settled:
            self.outcomes[reply.outcome()] += 1
        return is_settled

    async def _publish(self, job: Job, reply: Reply) -> bool:
        """Publish over as many connections as it takes; return whether the reply is settled.

        Once the connection of the request is lost there is only one more attempt: the request is
        redelivered as a rule, but not if its queue is lost as well. A reply to a queue is given up
        after ``QUEUE_ATTEMPTS``, and its request is settled.
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
            if attempt == QUEUE_ATTEMPTS and request.reply_to != REPLIES:
                log.warning(
                    "reply given up",
                    correlation_id=request.correlation_id,
                    reply_to=request.reply_to,
                )
                return True
