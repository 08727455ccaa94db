"""Requests as they are delivered to a predictor."""

from collections.abc import Sequence

from common.amqp.channel import Delivery
from common.contract.messages import Message, Request
from common.errors import ConnectionLost
from predictor_service.request_reply.job import Job
from predictor_service.scheduling.lanes import Lane
from tests.support.fakes.scripted import ScriptedChannel


class RequestChannel(ScriptedChannel):
    """A channel of requests, which can be lost; keeps the tags acknowledged and requeued."""

    is_open = True

    def __init__(self) -> None:
        super().__init__()
        self.settled: list[int] = []
        self.requeued: list[int] = []

    async def acknowledge(self, tags: Sequence[int]) -> None:
        if not self.is_open:
            raise ConnectionLost("The connection to the broker was lost.")
        self.settled += tags
        await super().acknowledge(tags)

    async def requeue(self, tag: int) -> None:
        self.requeued.append(tag)

    async def cancel(self, consumer_tag: str) -> None:
        """Consume no more."""


def request_of(correlation_id: str, reply_to: str = "q", expires_s: float = 60) -> Message:
    """Return the message of a request."""
    return Request(
        correlation_id=correlation_id,
        body=b'{"input": 1}',
        reply_to=reply_to,
        expiration_ms=int(expires_s * 1000),
        timestamp_s=0,
    ).to_message()


def job_of(correlation_id: str, reply_to: str = "q", expires_s: float = 60) -> Job:
    """Return a request to model ``m``, whose message id is its correlation id."""
    message = request_of(correlation_id, reply_to, expires_s)
    delivery = Delivery(message, ScriptedChannel(), 1, correlation_id)
    return Job.from_delivery(delivery, "m", Lane.ASYNC)
