"""The use cases of calls with an idempotency key. No HTTP and no AMQP words."""

import asyncio
from functools import partial

from common.errors import DeadlineExceeded
from gateway.countdown import countdown
from gateway.prediction_id import PredictionId
from gateway.predictions.accept import Accept
from gateway.predictions.availability import Availability
from gateway.predictions.call import Call
from gateway.predictions.idempotency import IdempotentReceiver, KeyedRequest
from gateway.predictions.intake import Intake
from gateway.predictions.lookup import PredictionLookup
from gateway.request_reply.order import Order


class PredictOnce:
    """Predictions that calls with the same key share.

    Each is accepted as if for an async call, so that it outlives the call that has requested it. No
    call waits longer than ``lookup.longest_wait_s``, for the acceptance or for the result.
    """

    def __init__(
        self,
        intake: Intake,
        availability: Availability,
        receiver: IdempotentReceiver,
        accept: Accept,
        lookup: PredictionLookup,
    ) -> None:
        self._intake = intake
        self._availability = availability
        self._receiver = receiver
        self._accept = accept
        self._lookup = lookup
        self._timeout_s = lookup.longest_wait_s

    async def predict(self, call: Call) -> bytes:
        """Predict now; return the JSON of input and result.

        A prediction that ends too late for this call is there for the next one with the key.

        Raises:
            PredictionError: within the sync timeout + 1 s, whatever is down; sooner if the caller
                waits for less.
        """
        with self._intake.admit(call, self._intake.waiting) as admitted:
            order = await self._intake.order(call, admitted, call.owner)
            left_s = countdown(call.longest_s(self._timeout_s))
            keyed = _keyed_request(call, order)
            try:
                async with asyncio.timeout(left_s()):
                    if not self._receiver.knows(keyed, order):
                        await self._availability.refuse_unserved(order)
                    prediction_id = await self._accept_once(call, keyed, order)
            except TimeoutError as exc:
                raise DeadlineExceeded("The prediction was not accepted in time.") from exc
            return await self._lookup.result(prediction_id, left_s())

    async def accept(self, call: Call) -> PredictionId:
        """Accept a prediction for later; return its id once its request is confirmed.

        Raises:
            PredictionError: the prediction was not accepted.
        """
        with self._intake.admit(call, self._intake.accepting) as admitted:
            order = await self._intake.order(call, admitted, call.owner)
            return await self._accept_once(call, _keyed_request(call, order), order)

    async def _accept_once(self, call: Call, keyed: KeyedRequest, order: Order) -> PredictionId:
        submit = partial(self._accept.submit, call)
        return await self._receiver.accept(keyed, order, submit, self._timeout_s)


def _keyed_request(call: Call, order: Order) -> KeyedRequest:
    assert call.idempotency_key is not None
    return KeyedRequest.from_order(call.owner, call.idempotency_key, order)
