"""The use cases of those who ask: predict now, accept for later. No HTTP and no AMQP words."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from common.contract.messages import Reply
from common.errors import DeadlineExceeded, Unroutable
from gateway.call_context import add_log_fields
from gateway.countdown import countdown
from gateway.prediction_id import NEVER_TOLD, PredictionId
from gateway.predictions.intake import Call, Intake, nobody_serves
from gateway.request_reply.requestor import Order
from gateway.web.server_timing import note_timing

UNKNOWN_MODEL_S: Final = 0.2
"""How long a sync call waits for a model that no predictor is known to serve.

With ``ROLL_CALL_S``, which a gateway that has just connected waits before, less than a second.
"""


class Requestor(Protocol):
    """Gets predictions made."""

    async def call(self, order: Order, timeout_s: float) -> Reply: ...


class Predict:
    """What a caller can have done; every failure is a ``PredictionError``.

    ``tell_predictors`` is given the correlation id of what needs no answer any more. A caller who
    wants to know later waits at most ``accept_timeout_s`` seconds for its id.
    """

    def __init__(
        self,
        intake: Intake,
        requestor: Requestor,
        tell_predictors: Callable[[str], None],
        accept_timeout_s: float,
    ) -> None:
        self._intake = intake
        self._requestor = requestor
        self._tell_predictors = tell_predictors
        self._accept_timeout_s = accept_timeout_s

    async def predict(self, call: Call) -> bytes:
        """Predict now: the JSON of input and result.

        When the caller leaves, the prediction is cancelled.

        Raises:
            PredictionError: within the sync timeout + 1 s, whatever is down; sooner if the caller
                does not wait that long.
        """
        intake = self._intake
        with intake.admitted(intake.waiting, call):
            order = intake.order(call, await call.body.read(), NEVER_TOLD)
            try:
                reply = await self._reply(order, intake.longest_s(call))
            except (asyncio.CancelledError, DeadlineExceeded) as exc:
                self._abandon(order, call, exc)
                raise
            note_timing(reply.timing, is_of_call=True)
            result = reply.result()
            add_log_fields(state="succeeded")
            return result

    async def accept(self, call: Call) -> PredictionId:
        """Accept a prediction for later: its id, once it cannot be lost any more.

        Raises:
            PredictionError: it was not accepted.
        """
        intake = self._intake
        with intake.admitted(intake.accepting, call):
            order = intake.order(call, await call.body.read(), call.owner)
            await intake.submit(call, order, timeout_s=self._accept_timeout_s)
            return order.prediction_id

    def _abandon(self, order: Order, call: Call, why: BaseException) -> None:
        """Have the predictors stop if the caller has left, or has set the deadline that is over.

        Not when this gateway is ending: its callers may not have wanted to leave.
        """
        has_left = isinstance(why, asyncio.CancelledError) and not self._intake.draining
        if has_left or (isinstance(why, DeadlineExceeded) and call.deadline_s is not None):
            self._tell_predictors(order.correlation_id)

    async def _reply(self, order: Order, longest_s: float) -> Reply:
        left_s = countdown(longest_s)
        unserved = await self._intake.refuse_unserved(order.model)
        # A model that nobody serves and nobody is known to have served: if it has queues
        # all the same, its predictors have left, and a moment tells.
        timeout_s = left_s()
        try:
            return await self._requestor.call(
                order, min(timeout_s, UNKNOWN_MODEL_S) if unserved else timeout_s
            )
        except Unroutable as exc:
            raise self._intake.no_such_queue(order.model) from exc
        except DeadlineExceeded as exc:
            if unserved and timeout_s > UNKNOWN_MODEL_S:
                raise nobody_serves(order.model) from exc
            raise  # the caller's own time was over before a moment could tell
