"""The routes ``/openapi.json`` and ``/asyncapi.json``: the HTTP API and the AMQP contract."""

from importlib.metadata import version

import msgspec
from quart import Blueprint

from common.asyncapi import asyncapi
from common.contract.topology import SyncQueueType
from gateway.api.openapi import AccessControl, RenderedDocument
from gateway.registry.registry import PredictorRegistry
from gateway.settings import GatewaySettings
from gateway.web.response import BytesResponse, json_response


def document_routes(
    registry: PredictorRegistry, settings: GatewaySettings, sync_queue_type: SyncQueueType
) -> Blueprint:
    """Build the blueprint of both documents; the first describes the models of ``registry``."""
    routes = Blueprint("documents", __name__)
    release = version("predictmq")
    contract = msgspec.json.encode(asyncapi(sync_queue_type, release))
    access = AccessControl(keys=bool(settings.api_keys), rate=settings.rate_limit is not None)
    document = RenderedDocument(settings.default_model, release, access)

    @routes.get("/openapi.json")
    async def openapi() -> BytesResponse:
        served = [card for card in registry.cards() if registry.serving(card.name)]
        return json_response(await document.render(served))

    @routes.get("/asyncapi.json")
    async def amqp_contract() -> BytesResponse:
        return json_response(contract)

    return routes
