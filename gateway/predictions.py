"""The use cases: predict now, accept for later, look up. No HTTP and no AMQP words."""

import re
from contextlib import AbstractContextManager
from typing import Final, Protocol

from common.errors import (
    PredictionError,
    Unavailable,
    UnknownModel,
    UnknownPrediction,
    Unroutable,
)
from common.messages import Reply
from common.request_body import check_body
from common.settings import MODEL_NAME
from gateway.admission import Admission
from gateway.prediction_id import PredictionId, PredictionIds, spell
from gateway.requestor import Order
from gateway.settings import GatewaySettings

_MODEL_NAME: Final = re.compile(MODEL_NAME, re.ASCII)


class Body(Protocol):
    """A caller's body that has not been read yet; ``size_bytes`` is the most it can be."""

    @property
    def size_bytes(self) -> int: ...
    async def read(self) -> bytes: ...


class Requestor(Protocol):
    """Gets predictions made."""

    async def call(self, order: Order, timeout_s: float) -> Reply: ...
    async def submit(self, order: Order, expires_s: float, timeout_s: float) -> None: ...


class Results(Protocol):
    """Final states by prediction id: the state, or where to read it, or nothing yet."""

    def get(self, prediction_id: PredictionId) -> Reply | int | None: ...


class Archive(Protocol):
    """Final states by where they stand."""

    async def read(self, prediction_id: PredictionId, offset: int) -> Reply | None: ...


class Predictions:
    """What a caller can have done; every failure is a ``PredictionError``."""

    def __init__(
        self,
        settings: GatewaySettings,
        ids: PredictionIds,
        requestor: Requestor,
        results: Results,
        archive: Archive,
    ) -> None:
        self._settings = settings
        self._ids = ids
        self._requestor = requestor
        self._results = results
        self._archive = archive
        self.waiting = Admission(settings.max_in_flight, settings.max_in_flight_bytes)
        self.accepting = Admission(settings.max_in_flight, settings.max_in_flight_bytes)
        self.draining = False

    async def predict(self, model: str | None, body: Body, traceparent: str | None) -> bytes:
        """Predict now: the JSON of input and result.

        Raises:
            PredictionError: within the sync timeout + 1 s, whatever is down.
        """
        with self._admitted(self.waiting, body.size_bytes):
            order = self._order(model, await body.read(), traceparent)
            try:
                reply = await self._requestor.call(order, self._settings.sync_timeout_s)
            except Unroutable as exc:
                raise self._no_such_queue(order.model) from exc
            return reply.result()

    async def accept(self, model: str | None, body: Body, traceparent: str | None) -> str:
        """Accept a prediction for later: its id, once it cannot be lost any more.

        Raises:
            PredictionError: it was not accepted.
        """
        with self._admitted(self.accepting, body.size_bytes):
            order = self._order(model, await body.read(), traceparent)
            settings = self._settings
            try:
                await self._requestor.submit(
                    order, settings.async_deadline_s, settings.sync_timeout_s
                )
            except Unroutable as exc:
                raise self._no_such_queue(order.model) from exc
            return order.prediction_id

    async def look_up(self, text: str) -> tuple[str, bytes | None]:
        """The id as we spell it, and the JSON of input and result; None: still processing.

        Raises:
            UnknownPrediction: no id of ours, or its life is over.
            PredictionError: the prediction failed; what the sync call would have raised.
        """
        prediction_id = self._ids.recognise(text)
        if prediction_id is None or not self._ids.is_alive(prediction_id):
            raise UnknownPrediction
        found = self._results.get(prediction_id)
        if isinstance(found, int):
            found = await self._archive.read(prediction_id, found)
            if found is None:
                raise UnknownPrediction
        return spell(prediction_id), found.result() if found else None

    def _admitted(self, admission: Admission, size_bytes: int) -> AbstractContextManager[None]:
        if self.draining:
            raise Unavailable("This gateway is shutting down; try again.")
        return admission.admit(size_bytes)

    def _order(self, model: str | None, body: bytes, traceparent: str | None) -> Order:
        model = model or self._settings.default_model
        if not _MODEL_NAME.fullmatch(model):
            raise UnknownModel(f"There is no model {model[:64]!r}.")
        check_body(body)
        return Order(spell(self._ids.mint()), model, body, traceparent)

    def _no_such_queue(self, model: str) -> PredictionError:
        if model == self._settings.default_model:
            return Unavailable(f"The queues of model '{model}' are missing; try again later.")
        return UnknownModel(f"There is no model '{model}': no predictor has ever served it.")
