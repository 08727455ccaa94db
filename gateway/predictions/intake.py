"""The intake of calls: admission, reading, checks, a new id. No HTTP and no AMQP words."""

import gc
import re
from typing import Final

from common.contract.request_body import check_body
from common.errors import Unavailable, UnknownModel
from common.settings import MODEL_NAME
from common.telemetry.correlation import correlate
from gateway.call_context import add_log_fields
from gateway.prediction_id import PredictionIds, spell
from gateway.predictions.admission import Admission, AdmittedCall
from gateway.predictions.call import Call
from gateway.registry.registry import PredictorRegistry
from gateway.request_reply.order import Order
from gateway.settings import GatewaySettings

LARGE_BODY_BYTES: Final = 2**15
"""The size from which on the objects of a body may start the garbage collector several times."""

_MODEL_NAME: Final = re.compile(MODEL_NAME, re.ASCII)


class Intake:
    """The admission and the checks of calls; every failure is a ``PredictionError``.

    ``waiting`` counts the calls that wait for their results, ``accepting`` those that wait for
    their ids. Once ``draining`` is set, no call is admitted.
    """

    def __init__(
        self, settings: GatewaySettings, ids: PredictionIds, registry: PredictorRegistry
    ) -> None:
        self._default_model = settings.default_model
        self._ids = ids
        self._registry = registry
        limits = settings.max_in_flight, settings.max_in_flight_bytes, settings.owners
        self.waiting = Admission(*limits)
        self.accepting = Admission(*limits)
        self.draining = False

    def admit(self, call: Call, admission: Admission) -> AdmittedCall:
        """Admit a call, whose body is not read yet; it is under way until the context ends.

        Raises:
            Unavailable: there is no room for it now, or this gateway is shutting down.
        """
        if self.draining:
            raise Unavailable("This gateway is shutting down; try again.")
        return admission.admit(call.owner, call.body.announced_bytes)

    async def order(self, call: Call, admitted: AdmittedCall, owner: str) -> Order:
        """Read a call and check it as far as a gateway can; returns its order, under a new id.

        Its bytes are charged as they arrive, and it counts as a call once all are there: clients
        that announce bodies and do not send them keep nobody out.

        Raises:
            PredictionError: it cannot be predicted.
        """
        body = await call.body.read(admitted.charge)
        admitted.begin()
        model = call.model or self._default_model
        if not _MODEL_NAME.fullmatch(model):
            raise UnknownModel(f"There is no model {model[:64]!r}.")
        add_log_fields(model=model)
        has_predictor = self._check(model, body)
        prediction_id = self._ids.mint(owner)
        correlation_id = spell(prediction_id)
        correlate(correlation_id)
        return Order(prediction_id, correlation_id, model, body, call.trace_context, has_predictor)

    def _check(self, model: str, body: bytes) -> bool:
        """Check a body; return whether a live predictor is known to serve the model.

        The garbage collector would traverse the arrays of a large body again and again.
        """
        if len(body) < LARGE_BODY_BYTES:
            return self._registry.check_input(model, check_body(body))
        gc.disable()
        try:
            return self._registry.check_input(model, check_body(body))
        finally:
            gc.enable()
