"""Whether anybody serves a model: refuse a call that nobody would answer."""

from typing import Final

from common.errors import PredictionError, Unavailable, UnknownModel
from gateway.registry.registry import PredictorRegistry
from gateway.request_reply.order import Order
from gateway.request_reply.requestor import Requestor

UNKNOWN_MODEL_S: Final = 0.2
"""How long a sync call waits for a model that no predictor is known to serve.

With ``ROLL_CALL_S``, which a gateway that has just connected waits before, less than a second.
"""


class Availability:
    """The models that can be asked for, by their predictors and queues.

    The queues of ``default_model`` are declared by gateways too, so it is known without predictors.
    """

    def __init__(
        self, registry: PredictorRegistry, requestor: Requestor, default_model: str
    ) -> None:
        self._registry = registry
        self._requestor = requestor
        self._default_model = default_model

    async def refuse_unserved(self, order: Order) -> bool:
        """Tell whether no predictor serves the model of ``order``, and none is known to have.

        Raises:
            Unavailable: no predictor serves it now, but the model is known.
        """
        if order.has_predictor or not await self._registry.none_serves(order.model):
            return False
        if self._is_known(order.model):
            raise unserved(order.model)
        return True

    def missing_queue(self, model: str) -> PredictionError:
        """Choose the error for a model whose queue is missing; has the default one's restored."""
        if model == self._default_model:
            self._requestor.restore_queues()  # its predictors may all have left
        if self._is_known(model):
            return Unavailable(f"The queues of model '{model}' are missing; try again later.")
        return UnknownModel(f"There is no model '{model}': no predictor has ever served it.")

    def _is_known(self, model: str) -> bool:
        return model == self._default_model or self._registry.card(model) is not None


def unserved(model: str) -> Unavailable:
    """The error for a model that no predictor serves."""
    return Unavailable(f"No predictor serves model '{model}' now; try again later, or Async-Mode.")
