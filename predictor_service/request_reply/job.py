"""A job: a request that was delivered, decoded, and the reply that an outcome makes of it."""

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
    """The outcome of a request, when its run started (Unix time) and how many seconds it took."""

    outcome: Outcome
    started_s: float
    took_s: float = 0.0
    batch_size: int = 1
    """The number of requests in the model call."""


class Job(msgspec.Struct, frozen=True, eq=False):
    """A delivery, decoded: a request to ``model`` from a queue of ``lane``.

    A gateway accepted it at ``accepted_s``, it was delivered at ``arrived_s`` and has to start by
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
            MalformedRequest: the message is not a request of the contract.
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
        """True if its deadline has passed, so that it is not started any more."""
        return time.time() > self.deadline_s

    @property
    def is_followed(self) -> bool:
        """True if its reply goes to the reply stream, so that callers can follow its progress."""
        return self.request.reply_to == REPLIES

    def model_input(self) -> ModelInput:
        """Return the input of the model."""
        return ModelInput(self.input_json, self.request.correlation_id, self.is_followed)

    def reply(self, record: RunRecord) -> Reply:
        """Return the reply for the return address."""
        timing = Timing.of(record.started_s - self.accepted_s, record.took_s)
        return msgspec.structs.replace(self._final_state(record.outcome), timing=timing)

    def _final_state(self, outcome: Outcome) -> Reply:
        if isinstance(outcome, PredictionError):
            return Reply.failed(outcome)
        try:
            return Reply.succeeded(self.input_json, outcome)
        except ModelFailed as exc:  # too large for a message
            return Reply.failed(exc)


def _accepted_s(request: Request, arrived_s: float) -> float:
    """Return when a request that arrives at ``arrived_s`` was accepted, both in Unix time.

    A prediction's id begins with its milliseconds, as UUIDs of versions 7 and 8 do (RFC 9562);
    AMQP timestamps are whole seconds. As in ``Request.deadline_s``, a time in the future, or so old
    that the broker would have dropped the request, is that of another clock: the arrival counts.
    """
    text = request.correlation_id
    try:
        accepted_s = int(text[:8] + text[9:13], 16) / 1000
    except ValueError:
        return arrived_s
    waited_s = arrived_s - accepted_s
    return accepted_s if 0 <= waited_s <= request.expiration_ms / 1000 else arrived_s
