"""The use cases of those who may ask again, with an idempotency key. No HTTP and no AMQP words."""

import asyncio
from functools import partial
from typing import Protocol

from common.errors import DeadlineExceeded
from gateway.countdown import countdown
from gateway.prediction_id import PredictionId
from gateway.predictions.idempotency import IdempotentReceiver, Repeatable
from gateway.predictions.intake import Call, Intake
from gateway.request_reply.requestor import Order


class Outcomes(Protocol):
    """How predictions end."""

    async def result(self, prediction_id: PredictionId, timeout_s: float) -> bytes: ...


class PredictOnce:
    """What ``Predictions`` are to calls without a key: calls with the same key are one prediction.

    That includes how it ends. Each is accepted for later, within ``accept_timeout_s`` seconds, so
    that it outlives the call that asked for it.
    """

    def __init__(
        self,
        intake: Intake,
        receiver: IdempotentReceiver,
        outcomes: Outcomes,
        accept_timeout_s: float,
    ) -> None:
        self._intake = intake
        self._receiver = receiver
        self._outcomes = outcomes
        self._accept_timeout_s = accept_timeout_s

    async def predict(self, call: Call) -> bytes:
        """Predict now: the JSON of input and result. One that ends too late is there for the next.

        Raises:
            PredictionError: within the sync timeout + 1 s, whatever is down; sooner if the caller
                does not wait that long.
        """
        intake = self._intake
        with intake.admitted(intake.waiting, call):
            order = intake.order(call, await call.body.read(), call.owner)
            left_s = countdown(intake.longest_s(call))
            repeatable = _repeatable(call, order)
            if not self._receiver.knows(repeatable, order):
                await intake.refuse_unserved(order.model)
            try:
                async with asyncio.timeout(left_s()):
                    prediction_id = await self._accept(call, repeatable, order)
            except TimeoutError as exc:
                raise DeadlineExceeded("The prediction was not accepted in time.") from exc
            return await self._outcomes.result(prediction_id, left_s())

    async def accept(self, call: Call) -> PredictionId:
        """Accept a prediction for later: its id, once it cannot be lost any more.

        Raises:
            PredictionError: it was not accepted.
        """
        intake = self._intake
        with intake.admitted(intake.accepting, call):
            order = intake.order(call, await call.body.read(), call.owner)
            return await self._accept(call, _repeatable(call, order), order)

    async def _accept(self, call: Call, repeatable: Repeatable, order: Order) -> PredictionId:
        submit = partial(self._intake.submit, call)
        return await self._receiver.accept(repeatable, order, submit, self._accept_timeout_s)


def _repeatable(call: Call, order: Order) -> Repeatable:
    assert call.idempotency_key is not None
    return Repeatable.of(call.owner, call.idempotency_key, order)
