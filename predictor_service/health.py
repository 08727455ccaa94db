"""``/livez``, ``/readyz`` and ``/metrics`` of a predictor, as a plain ASGI application."""

from collections.abc import Callable, Mapping

import msgspec
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    HTTPResponseStartEvent,
    Scope,
)
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

JSON = "application/json"


def health_app(
    checks: Mapping[str, Callable[[], bool]], registry: CollectorRegistry
) -> ASGIFramework:
    """The application; ``checks`` says what readiness takes."""

    def answer(path: str) -> tuple[int, str, bytes]:
        if path == "/livez":
            return 200, JSON, b'{"status": "alive"}'
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
        if path == "/readyz":
            missing = [name for name, holds in checks.items() if not holds()]
            if missing:
                return 503, JSON, msgspec.json.encode({"status": "not ready", "missing": missing})
            return 200, JSON, b'{"status": "ready"}'
        return 404, JSON, b'{"error": "There are /livez, /readyz and /metrics."}'

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            return
        status, content_type, body = answer(scope["path"])
        headers = [(b"content-type", content_type.encode())]
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": status,
            "headers": headers,
        }
        await send(start)
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return app
