"""Take predictions in: count them, check them, queue them. No HTTP and no AMQP words."""

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

import msgspec

from common.contract.announcement import ModelCard
from common.contract.request_body import check_body
from common.errors import PredictionError, Unavailable, UnknownModel, Unroutable
from common.settings import MODEL_NAME
from common.telemetry.correlation import correlate
from gateway.call_context import add_log_fields
from gateway.prediction_id import NOBODY, PredictionId, PredictionIds
from gateway.predictions.admission import Admission
from gateway.request_reply.requestor import Order
from gateway.settings import GatewaySettings

_MODEL_NAME: Final = re.compile(MODEL_NAME, re.ASCII)


class Body(Protocol):
    """A caller's body that has not been read yet; ``size_bytes`` is the most it can be."""

    @property
    def size_bytes(self) -> int: ...
    async def read(self) -> bytes: ...


class Call(msgspec.Struct, frozen=True):
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
    owner: str = NOBODY
    wait_s: float | None = None
    deadline_s: float | None = None
    idempotency_key: str | None = None
    """Calls of one owner with the same key are one prediction: see ``RepeatablePredictions``."""


class Queues(Protocol):
    """Where what is accepted for later waits."""

    async def submit(self, order: Order, expires_s: float, timeout_s: float) -> None: ...
    def restore_queues(self) -> None: ...


class Replicas(Protocol):
    """The predictors that are there."""

    async def none_serves(self, model: str) -> bool: ...
    def card(self, model: str) -> ModelCard | None: ...
    def check_input(self, model: str, value: Any) -> None: ...


class Deadlines(Protocol):
    """Ends predictions that take longer than their callers let them."""

    def __len__(self) -> int: ...
    def kept(self, prediction_id: PredictionId, after_s: float) -> AbstractContextManager[None]: ...


class Intake:
    """The way in of every prediction; every failure is a ``PredictionError``."""

    def __init__(
        self,
        settings: GatewaySettings,
        ids: PredictionIds,
        replicas: Replicas,
        queues: Queues,
        deadlines: Deadlines,
    ) -> None:
        self._settings = settings
        self._ids = ids
        self._replicas = replicas
        self._queues = queues
        self.deadlines = deadlines
        self.waiting = Admission(settings.max_in_flight, settings.max_in_flight_bytes)
        self.accepting = Admission(settings.max_in_flight, settings.max_in_flight_bytes)
        self.draining = False

    def admitted(self, admission: Admission, call: Call) -> AbstractContextManager[None]:
        """Count a call, whose body has not been read yet, for as long as the context lasts.

        Raises:
            Unavailable: it would be one too many, or this gateway is to end.
        """
        if self.draining:
            raise Unavailable("This gateway is shutting down; try again.")
        return admission.admit(call.body.size_bytes)

    def order(self, call: Call, body: bytes, owner: str) -> Order:
        """What a call asks for, checked as far as a gateway can, under a new id of ``owner``.

        Raises:
            PredictionError: it cannot be predicted.
        """
        model = call.model or self._settings.default_model
        if not _MODEL_NAME.fullmatch(model):
            raise UnknownModel(f"There is no model {model[:64]!r}.")
        add_log_fields(model=model)
        self._replicas.check_input(model, check_body(body))
        order = Order(self._ids.mint(owner), model, body, call.traceparent, call.tracestate)
        correlate(order.correlation_id)
        return order

    async def submit(
        self, call: Call, order: Order, *, age_s: float = 0.0, timeout_s: float
    ) -> None:
        """Queue what a call asks for later; returns once it is confirmed.

        Its deadline counts from ``age_s`` seconds ago.

        Raises:
            PredictionError: it was not confirmed within ``timeout_s`` seconds.
        """
        expires_s = _least(self._settings.async_deadline_s, call.deadline_s) - age_s
        kept: AbstractContextManager[None] = nullcontext()
        if call.deadline_s is not None:
            kept = self.deadlines.kept(order.prediction_id, expires_s)
        try:
            with kept:
                await self._queues.submit(order, expires_s, timeout_s)
        except Unroutable as exc:
            raise self.no_such_queue(order.model) from exc

    async def refuse_unserved(self, model: str) -> bool:
        """Whether nobody serves a model that nobody is known to have served.

        Raises:
            Unavailable: nobody serves it now.
        """
        unserved = await self._replicas.none_serves(model)
        if unserved and self._is_known(model):
            raise nobody_serves(model)
        return unserved

    def longest_s(self, call: Call) -> float:
        """How long a sync call may take, in seconds."""
        return _least(self._settings.sync_timeout_s, call.wait_s, call.deadline_s)

    def no_such_queue(self, model: str) -> PredictionError:
        """What to tell the caller of a model that has no queue."""
        if model == self._settings.default_model:
            self._queues.restore_queues()  # its predictors may all have left
        if self._is_known(model):
            return Unavailable(f"The queues of model '{model}' are missing; try again later.")
        return UnknownModel(f"There is no model '{model}': no predictor has ever served it.")

    def _is_known(self, model: str) -> bool:
        return model == self._settings.default_model or self._replicas.card(model) is not None


def nobody_serves(model: str) -> Unavailable:
    """What to tell the caller of a model that has no predictor."""
    return Unavailable(f"No predictor serves model '{model}' now; try again later, or Async-Mode.")


def _least(configured_s: float, *wanted_s: float | None) -> float:
    return min([configured_s, *(each for each in wanted_s if each is not None)])
