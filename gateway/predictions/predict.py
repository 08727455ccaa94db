"""The use case of sync calls: wait for the result. No HTTP and no AMQP words."""

import asyncio
from collections.abc import Callable

from common.contract.messages import Reply
from common.errors import DeadlineExceeded, Unroutable
from gateway.call_context import add_log_fields, set_timing
from gateway.countdown import countdown
from gateway.prediction_id import UNDISCLOSED
from gateway.predictions.availability import UNKNOWN_MODEL_S, Availability, unserved
from gateway.predictions.call import Call
from gateway.predictions.intake import Intake
from gateway.request_reply.order import Order
from gateway.request_reply.requestor import Requestor


class Predict:
    """Predictions whose callers wait for the result; every failure is a ``PredictionError``.

    ``notify_predictors`` takes the correlation id of a prediction whose result is no longer needed.
    No call waits longer than ``sync_timeout_s``.
    """

    def __init__(
        self,
        intake: Intake,
        availability: Availability,
        requestor: Requestor,
        notify_predictors: Callable[[str], None],
        sync_timeout_s: float,
    ) -> None:
        self._intake = intake
        self._availability = availability
        self._requestor = requestor
        self._notify_predictors = notify_predictors
        self._sync_timeout_s = sync_timeout_s

    async def predict(self, call: Call) -> bytes:
        """Predict now; return the JSON of input and result.

        If the caller leaves, the predictors are notified.

        Raises:
            PredictionError: within the sync timeout + 1 s, whatever is down; sooner if the caller
                waits for less.
        """
        with self._intake.admit(call, self._intake.waiting) as admitted:
            order = await self._intake.order(call, admitted, UNDISCLOSED)
            try:
                reply = await self._reply(order, call.longest_s(self._sync_timeout_s))
            except (asyncio.CancelledError, DeadlineExceeded) as exc:
                self._abandon(order, call, exc)
                raise
            set_timing(reply.timing, requested_by_call=True)
            result = reply.result()
            add_log_fields(state="succeeded")
            return result

    def _abandon(self, order: Order, call: Call, reason: BaseException) -> None:
        """Notify the predictors if the caller has left, or had set the deadline that is over.

        While this gateway shuts down, a cancelled call does not mean that its caller has left.
        """
        has_left = isinstance(reason, asyncio.CancelledError) and not self._intake.draining
        if has_left or (isinstance(reason, DeadlineExceeded) and call.deadline_s is not None):
            self._notify_predictors(order.correlation_id)

    async def _refuse_unserved(self, order: Order, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._availability.refuse_unserved(order)
        except TimeoutError as exc:
            raise DeadlineExceeded("The prediction was not ready in time.") from exc

    async def _reply(self, order: Order, longest_s: float) -> Reply:
        left_s = countdown(longest_s)
        is_unserved = not order.has_predictor and await self._refuse_unserved(order, left_s())
        # An unknown model can have queues all the same, left by former predictors: then a short
        # wait is enough.
        timeout_s = left_s()
        try:
            return await self._requestor.call(
                order, min(timeout_s, UNKNOWN_MODEL_S) if is_unserved else timeout_s
            )
        except Unroutable as exc:
            raise self._availability.missing_queue(order.model) from exc
        except DeadlineExceeded as exc:
            if is_unserved and timeout_s > UNKNOWN_MODEL_S:
                raise unserved(order.model) from exc
            raise  # the caller's own time was shorter than that wait
