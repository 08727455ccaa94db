"""``/livez``, ``/readyz`` and ``/metrics``."""

from collections.abc import Callable, Mapping

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from quart import Blueprint, Response

from gateway.problems import json_response

Checks = Mapping[str, Callable[[], bool]]


def health_routes(checks: Checks, registry: CollectorRegistry) -> Blueprint:
    """Routes for the machines that watch this one; ``checks`` says what readiness takes."""
    routes = Blueprint("health", __name__)

    @routes.get("/livez")
    async def live() -> Response:
        return json_response(b'{"status": "alive"}')

    @routes.get("/readyz")
    async def ready() -> Response:
        missing = [name for name, holds in checks.items() if not holds()]
        if missing:
            body = msgspec.json.encode({"status": "not ready", "missing": missing})
            return json_response(body, 503)
        return json_response(b'{"status": "ready"}')

    @routes.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return routes
