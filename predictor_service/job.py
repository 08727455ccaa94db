"""A request that was taken off its queue: what it asks, and how an outcome answers it."""

import time
from dataclasses import dataclass
from typing import Self

from common.channel import Delivery
from common.errors import ModelFailed, PredictionError
from common.messages import Reply, Request
from common.request_body import input_of
from common.topology import REPLIES
from predictor_service.invocation import Outcome, Question


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A delivery, decoded: a request to ``model``, to be started by ``deadline_s`` (Unix time)."""

    delivery: Delivery
    request: Request
    input_json: bytes
    model: str
    deadline_s: float

    @classmethod
    def from_delivery(cls, delivery: Delivery, model: str) -> Self:
        """Decode a delivery.

        Raises:
            MalformedRequest: it is not a request of the contract.
        """
        request = Request.from_message(delivery.message)
        return cls(
            delivery, request, input_of(request.body), model, request.deadline_s(time.time())
        )

    @property
    def is_late(self) -> bool:
        """Whether its deadline has passed, so that it is not started any more."""
        return time.time() > self.deadline_s

    @property
    def is_followed(self) -> bool:
        """Whether its reply goes where anybody can see what happens on the way to it."""
        return self.request.reply_to == REPLIES

    def question(self) -> Question:
        """What the model is asked."""
        return Question(self.input_json, self.request.correlation_id, self.is_followed)

    def reply(self, outcome: Outcome) -> Reply:
        """What is sent to the return address."""
        if isinstance(outcome, PredictionError):
            return Reply.failed(outcome)
        try:
            return Reply.succeeded(self.input_json, outcome)
        except ModelFailed as exc:  # too large to travel
            return Reply.failed(exc)
