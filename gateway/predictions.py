"""The use cases of those who ask: predict now, accept for later. No HTTP and no AMQP words."""

import asyncio
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, Protocol

from common.correlation import correlate
from common.errors import (
    DeadlineExceeded,
    PredictionError,
    Unavailable,
    UnknownModel,
    Unroutable,
)
from common.messages import Reply
from common.presence import ModelCard
from common.request_body import check_body
from common.settings import MODEL_NAME
from gateway.admission import Admission
from gateway.facts import note
from gateway.prediction_id import PredictionId, PredictionIds, spell
from gateway.requestor import Order
from gateway.server_timing import note_timing
from gateway.settings import GatewaySettings

UNKNOWN_MODEL_S: Final = 0.2
"""How long a sync call waits for a model that no predictor is known to serve.

With ``ROLL_CALL_S``, which a gateway that has just connected waits before, less than a second.
"""

_MODEL_NAME: Final = re.compile(MODEL_NAME, re.ASCII)


class Body(Protocol):
    """A caller's body that has not been read yet; ``size_bytes`` is the most it can be."""

    @property
    def size_bytes(self) -> int: ...
    async def read(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Call:
    """A prediction that a caller asks for; ``owner`` is the name of the key it came with.

    ``wait_s`` is how long the caller is ready to wait for the result, in seconds; None: as long as
    a call may take. ``deadline_s`` is when the prediction is no longer worth anything, in seconds
    from now; None: as is configured.
    """

    model: str | None
    """None: the default one."""
    body: Body
    traceparent: str | None = None
    tracestate: str | None = None
    owner: str = ""
    wait_s: float | None = None
    deadline_s: float | None = None
    idempotency_key: str | None = None
    """Calls of one owner with the same key are one prediction: see ``RepeatablePredictions``."""


class Requestor(Protocol):
    """Gets predictions made."""

    async def call(self, order: Order, timeout_s: float) -> Reply: ...
    async def submit(self, order: Order, expires_s: float, timeout_s: float) -> None: ...
    def restore_queues(self) -> None: ...


class Replicas(Protocol):
    """The predictors that are there."""

    async def none_serves(self, model: str) -> bool: ...
    def card(self, model: str) -> ModelCard | None: ...
    def check_input(self, model: str, value: Any) -> None: ...


class Deadlines(Protocol):
    """Ends predictions that take longer than their callers let them, or have none any more."""

    def __len__(self) -> int: ...
    def stop(self, correlation_id: str) -> None: ...
    def kept(self, prediction_id: PredictionId, after_s: float) -> AbstractContextManager[None]: ...


class Predictions:
    """What a caller can have done; every failure is a ``PredictionError``."""

    def __init__(
        self,
        settings: GatewaySettings,
        ids: PredictionIds,
        replicas: Replicas,
        requestor: Requestor,
        deadlines: Deadlines,
    ) -> None:
        self._settings = settings
        self._ids = ids
        self._replicas = replicas
        self._requestor = requestor
        self.deadlines = deadlines
        self.waiting = Admission(settings.max_in_flight, settings.max_in_flight_bytes)
        self.accepting = Admission(settings.max_in_flight, settings.max_in_flight_bytes)
        self.draining = False

    async def predict(self, call: Call) -> bytes:
        """Predict now: the JSON of input and result.

        When the caller leaves, the prediction is cancelled.

        Raises:
            PredictionError: within the sync timeout + 1 s, whatever is down; sooner if the caller
                does not wait that long.
        """
        with self.admitted(self.waiting, call):
            order = self.order(call, await call.body.read())
            try:
                reply = await self._reply(order, self.longest_s(call))
            except (asyncio.CancelledError, DeadlineExceeded) as exc:
                self._abandon(order, call, exc)
                raise
            note_timing(reply.timing)
            result = reply.result()
            note(state="succeeded")
            return result

    async def accept(self, call: Call) -> str:
        """Accept a prediction for later: its id, once it cannot be lost any more.

        Raises:
            PredictionError: it was not accepted.
        """
        with self.admitted(self.accepting, call):
            order = self.order(call, await call.body.read())
            await self.submit(call, order, timeout_s=self._settings.sync_timeout_s)
            return order.prediction_id

    def admitted(self, admission: Admission, call: Call) -> AbstractContextManager[None]:
        """Count a call, whose body has not been read yet, for as long as the context lasts.

        Raises:
            Unavailable: it would be one too many, or this gateway is to end.
        """
        if self.draining:
            raise Unavailable("This gateway is shutting down; try again.")
        return admission.admit(call.body.size_bytes)

    def order(self, call: Call, body: bytes) -> Order:
        """What a call asks for, checked as far as a gateway can, under an id of its own.

        Raises:
            PredictionError: it cannot be predicted.
        """
        model = call.model or self._settings.default_model
        if not _MODEL_NAME.fullmatch(model):
            raise UnknownModel(f"There is no model {model[:64]!r}.")
        note(model=model)
        self._replicas.check_input(model, check_body(body))
        prediction_id = spell(self._ids.mint(call.owner))
        correlate(prediction_id)
        return Order(prediction_id, model, body, call.traceparent, call.tracestate)

    async def submit(
        self, call: Call, order: Order, *, age_s: float = 0.0, timeout_s: float
    ) -> None:
        """Send what a call asks for later; returns once it is confirmed.

        Its deadline counts from ``age_s`` seconds ago.

        Raises:
            PredictionError: it was not confirmed within ``timeout_s`` seconds.
        """
        expires_s = _least(self._settings.async_deadline_s, call.deadline_s) - age_s
        try:
            with self._ending(order, call, expires_s):
                await self._requestor.submit(order, expires_s, timeout_s)
        except Unroutable as exc:
            raise self._no_such_queue(order.model) from exc

    async def refuse_unserved(self, model: str) -> bool:
        """Whether nobody serves a model that nobody is known to have served.

        Raises:
            Unavailable: nobody serves it now.
        """
        unserved = await self._replicas.none_serves(model)
        if unserved and self._is_known(model):
            raise _nobody_serves(model)
        return unserved

    def longest_s(self, call: Call) -> float:
        """How long a sync call may take, in seconds."""
        return _least(self._settings.sync_timeout_s, call.wait_s, call.deadline_s)

    def _abandon(self, order: Order, call: Call, why: BaseException) -> None:
        """Have the predictors stop if the caller has left, or has set the deadline that is over.

        Not when this gateway is ending: its callers may not have wanted to leave.
        """
        has_left = isinstance(why, asyncio.CancelledError) and not self.draining
        if has_left or (isinstance(why, DeadlineExceeded) and call.deadline_s is not None):
            self.deadlines.stop(order.prediction_id)

    def _ending(self, order: Order, call: Call, expires_s: float) -> AbstractContextManager[None]:
        """Keep the deadline that the caller has set, if any."""
        if call.deadline_s is None:
            return nullcontext()
        prediction_id = self._ids.recognise(order.prediction_id, call.owner)
        assert prediction_id is not None  # minted for this owner
        return self.deadlines.kept(prediction_id, expires_s)

    async def _reply(self, order: Order, longest_s: float) -> Reply:
        now_s = asyncio.get_running_loop().time
        deadline_s = now_s() + longest_s
        unserved = await self.refuse_unserved(order.model)
        # A model that nobody serves and nobody is known to have served: if it has queues
        # all the same, its predictors have left, and a moment tells.
        timeout_s = max(0.0, deadline_s - now_s())
        try:
            return await self._requestor.call(
                order, min(timeout_s, UNKNOWN_MODEL_S) if unserved else timeout_s
            )
        except Unroutable as exc:
            raise self._no_such_queue(order.model) from exc
        except DeadlineExceeded as exc:
            if unserved and timeout_s > UNKNOWN_MODEL_S:
                raise _nobody_serves(order.model) from exc
            raise  # the caller's own time was over before a moment could tell

    def _is_known(self, model: str) -> bool:
        return model == self._settings.default_model or self._replicas.card(model) is not None

    def _no_such_queue(self, model: str) -> PredictionError:
        if model == self._settings.default_model:
            self._requestor.restore_queues()  # its predictors may all have left
        if self._is_known(model):
            return Unavailable(f"The queues of model '{model}' are missing; try again later.")
        return UnknownModel(f"There is no model '{model}': no predictor has ever served it.")


def _least(configured_s: float, *wanted_s: float | None) -> float:
    return min([configured_s, *(each for each in wanted_s if each is not None)])


def _nobody_serves(model: str) -> Unavailable:
    return Unavailable(f"No predictor serves model '{model}' now; try again later, or Async-Mode.")
