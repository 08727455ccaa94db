"""The use case of async calls: submit the request, return an id. No HTTP and no AMQP words."""

from contextlib import AbstractContextManager, nullcontext

from common.errors import Unroutable
from gateway.prediction_id import PredictionId
from gateway.predictions.availability import Availability
from gateway.predictions.call import Call, shortest_s
from gateway.predictions.deadlines import Deadlines
from gateway.predictions.intake import Intake
from gateway.request_reply.order import Order
from gateway.request_reply.requestor import Requestor
from gateway.settings import GatewaySettings


class Accept:
    """The acceptance of predictions whose callers fetch the results later."""

    def __init__(
        self,
        settings: GatewaySettings,
        intake: Intake,
        availability: Availability,
        requestor: Requestor,
        deadlines: Deadlines,
    ) -> None:
        self._async_deadline_s = settings.async_deadline_s
        self._timeout_s = settings.sync_timeout_s
        self._intake = intake
        self._availability = availability
        self._requestor = requestor
        self._deadlines = deadlines

    async def accept(self, call: Call) -> PredictionId:
        """Accept a prediction for later; return its id once its request is confirmed.

        Raises:
            PredictionError: the prediction was not accepted.
        """
        with self._intake.admit(call, self._intake.accepting) as admitted:
            order = await self._intake.order(call, admitted, call.owner)
            await self.submit(call, order, timeout_s=self._timeout_s)
            return order.prediction_id

    async def submit(
        self, call: Call, order: Order, *, age_s: float = 0.0, timeout_s: float
    ) -> None:
        """Submit the request of a call; return once the broker has confirmed it.

        The deadline of the prediction counts from ``age_s`` seconds ago.

        Raises:
            PredictionError: the request was not confirmed within ``timeout_s`` seconds.
        """
        expires_s = shortest_s(self._async_deadline_s, call.deadline_s) - age_s
        deadline: AbstractContextManager[None] = nullcontext()
        if call.deadline_s is not None:
            deadline = self._deadlines.keep(order.prediction_id, expires_s, call.owner)
        try:
            with deadline:
                await self._requestor.submit(order, expires_s, timeout_s)
        except Unroutable as exc:
            raise self._availability.missing_queue(order.model) from exc
