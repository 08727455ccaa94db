"""The intake of calls: admission, reading, checks, a new id. No HTTP and no AMQP words."""

import re
from contextlib import AbstractContextManager
from typing import Final

from common.contract.request_body import check_body
from common.errors import Unavailable, UnknownModel
from common.settings import MODEL_NAME
from common.telemetry.correlation import correlate
from gateway.call_context import add_log_fields
from gateway.prediction_id import PredictionIds, spell
from gateway.predictions.admission import Admission
from gateway.predictions.call import Call
from gateway.registry.registry import PredictorRegistry
from gateway.request_reply.order import Order
from gateway.settings import GatewaySettings

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
        self.waiting = Admission(settings.max_in_flight, settings.max_in_flight_bytes)
        self.accepting = Admission(settings.max_in_flight, settings.max_in_flight_bytes)
        self.draining = False

    def admit(self, call: Call, admission: Admission) -> AbstractContextManager[None]:
        """Count a call, whose body is not read yet, for as long as the context lasts.

        Raises:
            Unavailable: it would be one too many, or this gateway is shutting down.
        """
        if self.draining:
            raise Unavailable("This gateway is shutting down; try again.")
        return admission.admit(call.body.size_bytes)

    async def order(self, call: Call, owner: str) -> Order:
        """Read a call and check it as far as a gateway can; returns its order, under a new id.

        Raises:
            PredictionError: it cannot be predicted.
        """
        model = call.model or self._default_model
        if not _MODEL_NAME.fullmatch(model):
            raise UnknownModel(f"There is no model {model[:64]!r}.")
        body = await call.body.read()
        add_log_fields(model=model)
        has_predictor = self._registry.check_input(model, check_body(body))
        prediction_id = self._ids.mint(owner)
        correlation_id = spell(prediction_id)
        correlate(correlation_id)
        return Order(prediction_id, correlation_id, model, body, call.trace_context, has_predictor)
