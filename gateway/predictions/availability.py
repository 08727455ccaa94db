"""The availability of models: refuses calls of models that no predictor serves."""

from typing import Final

from common.errors import PredictionError, Unavailable, UnknownModel
from gateway.registry.registry import PredictorRegistry
from gateway.request_reply.order import Order
from gateway.request_reply.requestor import Requestor

UNKNOWN_MODEL_S: Final = 0.2
"""Time that a sync call waits for a model that no predictor is known to serve."""


class Availability:
    """The models that are available, by their live predictors and their queues.

    Gateways declare the queues of ``default_model`` too, so it is known without predictors.
    """

    def __init__(
        self, registry: PredictorRegistry, requestor: Requestor, default_model: str
    ) -> None:
        self._registry = registry
        self._requestor = requestor
        self._default_model = default_model

    async def refuse_unserved(self, order: Order) -> bool:
        """Refuse an order of a known model that no predictor serves now.

        Returns whether no predictor serves the model and none is known to have served it before.

        Raises:
            Unavailable: no predictor serves the model now, but it is known.
        """
        if order.has_predictor or await self._registry.is_served(order.model):
            return False
        if self._is_known(order.model):
            raise unserved(order.model)
        return True

    def missing_queue(self, model: str) -> PredictionError:
        """Return the error of a model whose queue is missing.

        Has the queues of the default model declared again.
        """
        self._requestor.unserved_models.discard(model)
        if model == self._default_model:
            self._requestor.restore_queues()  # all its predictors may be away
        if self._is_known(model):
            return Unavailable(f"The queues of model '{model}' are missing; try again later.")
        return UnknownModel(f"There is no model '{model}': no predictor has ever served it.")

    def _is_known(self, model: str) -> bool:
        return model == self._default_model or self._registry.card(model) is not None


def unserved(model: str) -> Unavailable:
    """Return the error of a model that no predictor serves."""
    return Unavailable(f"No predictor serves model '{model}' now; try again later, or Async-Mode.")
