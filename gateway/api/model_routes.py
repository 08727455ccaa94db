"""The routes ``/models`` and ``/models/<model>``: models, and the replicas that serve them."""

from typing import Any

import msgspec
from quart import Blueprint

from common.contract.announcement import Announcement, ModelCard
from common.errors import UnknownModel
from gateway.registry.registry import PredictorRegistry
from gateway.web.response import BytesResponse, json_response


def model_routes(registry: PredictorRegistry) -> Blueprint:
    """Build the blueprint; it lists the models of ``registry``."""
    routes = Blueprint("models", __name__)

    @routes.get("/models")
    async def models() -> BytesResponse:
        listed = [_summary(card, len(registry.serving(card.name))) for card in registry.cards()]
        return json_response(msgspec.json.encode({"models": listed}))

    @routes.get("/models/<model>")
    async def get_model(model: str) -> BytesResponse:
        card = registry.card(model)
        if card is None:
            raise UnknownModel(f"There is no model {model[:64]!r} that a predictor has announced.")
        body = {
            "name": card.name,
            "version": card.version,
            "input_schema": card.input_schema,
            "output_schema": card.output_schema,
            "replicas": [_replica(announcement) for announcement in registry.serving(model)],
        }
        return json_response(msgspec.json.encode(body))

    return routes


def _summary(card: ModelCard, replicas: int) -> dict[str, Any]:
    return {"name": card.name, "version": card.version, "replicas": replicas}


def _replica(announcement: Announcement) -> dict[str, Any]:
    return {
        "id": announcement.replica_id,
        "host": announcement.host,
        "isolation": announcement.isolation,
        "concurrency": announcement.concurrency,
        "max_batch": announcement.max_batch,
        "predictions": announcement.predictions,
    }
