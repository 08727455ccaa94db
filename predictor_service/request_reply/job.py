"""A request that was taken off its queue: what it asks, and how an outcome answers it."""

import time
from typing import NamedTuple, Self

import msgspec

from common.amqp.channel import Delivery
from common.contract.messages import Reply, Request
from common.contract.request_body import input_of
from common.contract.timing import Timing
from common.contract.topology import REPLIES
from common.errors import ModelFailed, PredictionError
from predictor_service.execution.invocation import ModelInput, Outcome
from predictor_service.scheduling.lanes import Lane


class RunRecord(NamedTuple):
    """What came of a request, and when: seconds of Unix time, and how many of them it ran."""

    outcome: Outcome
    started_s: float
    took_s: float = 0.0
    batch: int = 1
    """How many requests the model was called with."""


class Job(msgspec.Struct, frozen=True, eq=False):
    """A delivery, decoded: a request to ``model`` that came by ``lane``.

    It was accepted at ``accepted_s``, arrived here at ``arrived_s`` and is to be started by
    ``deadline_s``, all in Unix time.
    """

    delivery: Delivery
    request: Request
    input_json: bytes
    model: str
    lane: Lane
    accepted_s: float
    arrived_s: float
    deadline_s: float

    @classmethod
    def from_delivery(cls, delivery: Delivery, model: str, lane: Lane) -> Self:
        """Decode a delivery.

        Raises:
            MalformedRequest: it is not a request of the contract.
        """
        request = Request.from_message(delivery.message)
        now_s = time.time()
        return cls(
            delivery=delivery,
            request=request,
            input_json=input_of(request.body),
            model=model,
            lane=lane,
            accepted_s=_accepted_s(request, now_s),
            arrived_s=now_s,
            deadline_s=request.deadline_s(now_s),
        )

    @property
    def is_late(self) -> bool:
        """Whether its deadline has passed, so that it is not started any more."""
        return time.time() > self.deadline_s

    @property
    def is_followed(self) -> bool:
        """Whether its reply goes where anybody can see what happens on the way to it."""
        return self.request.reply_to == REPLIES

    def question(self) -> ModelInput:
        """What the model is asked."""
        return ModelInput(self.input_json, self.request.correlation_id, self.is_followed)

    def reply(self, ran: RunRecord) -> Reply:
        """What is sent to the return address."""
        timing = Timing.of(ran.started_s - self.accepted_s, ran.took_s)
        return msgspec.structs.replace(self._answer(ran.outcome), timing=timing)

    def _answer(self, outcome: Outcome) -> Reply:
        if isinstance(outcome, PredictionError):
            return Reply.failed(outcome)
        try:
            return Reply.succeeded(self.input_json, outcome)
        except ModelFailed as exc:  # too large to travel
            return Reply.failed(exc)


def _accepted_s(request: Request, arrived_s: float) -> float:
    """When a request that arrives at ``arrived_s`` was accepted, both in Unix time.

    A prediction's id begins with its milliseconds, as UUIDs of versions 7 and 8 do (RFC 9562);
    AMQP timestamps are whole seconds. As in ``Request.deadline_s``, what seems to come from the
    future, or later than the broker lets it, comes from a clock that differs: its arrival counts.
    """
    text = request.correlation_id
    try:
        accepted_s = int(text[:8] + text[9:13], 16) / 1000
    except ValueError:
        return arrived_s
    waited_s = arrived_s - accepted_s
    return accepted_s if 0 <= waited_s <= request.expiration_ms / 1000 else arrived_s
