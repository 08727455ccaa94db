"""``/livez``, ``/readyz`` and ``/metrics`` of a predictor, as a plain ASGI application."""

from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    HTTPResponseStartEvent,
    Scope,
)
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from common.readiness import Checks, readiness

JSON = "application/json"


def health_app(checks: Checks, registry: CollectorRegistry) -> ASGIFramework:
    """The application; ``checks`` says what readiness takes."""

    def answer(path: str) -> tuple[int, str, bytes]:
        if path == "/livez":
            return 200, JSON, b'{"status": "alive"}'
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
        if path == "/readyz":
            is_ready, body = readiness(checks)
            return 200 if is_ready else 503, JSON, body
        return 404, JSON, b'{"error": "There are /livez, /readyz and /metrics."}'

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            return
        await receive()  # a request is read before it is answered: see ``serve_http``
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
