"""The use cases of those who may ask again, with an idempotency key. No HTTP and no AMQP words."""

from functools import partial
from typing import Protocol

from gateway.countdown import countdown
from gateway.idempotency import IdempotentReceiver, Repeatable
from gateway.prediction_id import PredictionId, spell
from gateway.predictions import Call, Predictions
from gateway.requestor import Order


class Outcomes(Protocol):
    """How predictions end."""

    async def result(self, prediction_id: PredictionId, timeout_s: float) -> bytes: ...


class RepeatablePredictions:
    """What ``Predictions`` are to calls without a key: calls with the same key are one prediction.

    That includes how it ends. Each is accepted for later, so that it outlives the call that asked
    for it. ``timeout_s`` is how long a call may take.
    """

    def __init__(
        self,
        predictions: Predictions,
        receiver: IdempotentReceiver,
        outcomes: Outcomes,
        timeout_s: float,
    ) -> None:
        self._predictions = predictions
        self._receiver = receiver
        self._outcomes = outcomes
        self._timeout_s = timeout_s

    async def predict(self, call: Call) -> bytes:
        """Predict now: the JSON of input and result. One that ends too late is there for the next.

        Raises:
            PredictionError: within the sync timeout + 1 s, whatever is down.
        """
        predictions = self._predictions
        with predictions.admitted(predictions.waiting, call):
            order = predictions.order(call, await call.body.read())
            left_s = countdown(predictions.longest_s(call))
            repeatable = _repeatable(call, order)
            if not self._receiver.knows(repeatable, order):
                await predictions.refuse_unserved(order.model)
            prediction_id = await self._receiver.accept(
                repeatable, order, partial(predictions.submit, call), self._timeout_s
            )
            return await self._outcomes.result(prediction_id, left_s())

    async def accept(self, call: Call) -> str:
        """Accept a prediction for later: its id, once it cannot be lost any more.

        Raises:
            PredictionError: it was not accepted.
        """
        predictions = self._predictions
        with predictions.admitted(predictions.accepting, call):
            order = predictions.order(call, await call.body.read())
            prediction_id = await self._receiver.accept(
                _repeatable(call, order),
                order,
                partial(predictions.submit, call),
                self._timeout_s,
            )
            return spell(prediction_id)


def _repeatable(call: Call, order: Order) -> Repeatable:
    assert call.idempotency_key is not None
    return Repeatable.of(call.owner, call.idempotency_key, order)
