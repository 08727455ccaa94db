"""The routes ``/livez``, ``/readyz`` and ``/metrics``."""

from collections.abc import Awaitable, Callable

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from quart import Blueprint, Response

from common.http.health import Checks, readiness
from gateway.web.response import BytesResponse, json_response


def health_routes(checks: Checks, exposition: Callable[[], Awaitable[bytes]]) -> Blueprint:
    """Build the blueprint for monitoring.

    ``checks`` are the conditions of readiness; ``exposition`` returns the metrics as text.
    """
    routes = Blueprint("health", __name__)

    @routes.get("/livez")
    async def live() -> BytesResponse:
        return json_response(b'{"status": "alive"}')

    @routes.get("/readyz")
    async def ready() -> BytesResponse:
        is_ready, body = readiness(checks)
        return json_response(body, 200 if is_ready else 503)

    @routes.get("/metrics")
    async def metrics() -> Response:
        return Response(await exposition(), content_type=CONTENT_TYPE_LATEST)

    return routes
