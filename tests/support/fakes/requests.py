"""Requests as a predictor gets them."""

from common.amqp.channel import Delivery
from common.contract.messages import Message, Request
from predictor_service.request_reply.job import Job
from predictor_service.scheduling.lanes import Lane
from tests.support.fakes.scripted import ScriptedChannel


def request_of(correlation_id: str, reply_to: str = "q", expires_s: float = 60) -> Message:
    """A request as it travels."""
    return Request(
        correlation_id=correlation_id,
        body=b'{"input": 1}',
        reply_to=reply_to,
        expiration_ms=int(expires_s * 1000),
        timestamp_s=0,
    ).to_message()


def job_of(correlation_id: str, expires_s: float = 60) -> Job:
    """The same, taken off the queue of a model ``m``; it was published under its correlation id."""
    message = request_of(correlation_id, expires_s=expires_s)
    delivery = Delivery(message, ScriptedChannel(), 1, correlation_id)
    return Job.from_delivery(delivery, "m", Lane.ASYNC)
