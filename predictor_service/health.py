"""``/livez``, ``/readyz`` and ``/metrics`` of a predictor, as a plain ASGI application."""

from typing import Final

from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    HTTPResponseStartEvent,
    Scope,
)
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from common.error_answers import JSON, send_error
from common.readiness import Checks, readiness

UNKNOWN: Final = (404, "not_found", "There are /livez, /readyz and /metrics.")


def health_app(checks: Checks, registry: CollectorRegistry) -> ASGIFramework:
    """The application; ``checks`` says what readiness takes."""

    def answer(path: str) -> tuple[int, str, bytes] | None:
        if path == "/livez":
            return 200, JSON, b'{"status": "alive"}'
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
        if path == "/readyz":
            is_ready, body = readiness(checks)
            return 200 if is_ready else 503, JSON, body
        return None

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            return
        await receive()  # a request is read before it is answered: see ``serve_http``
        answered = answer(scope["path"])
        if answered is None:
            await send_error(scope, send, *UNKNOWN)
            return
        status, content_type, body = answered
        headers = [(b"content-type", content_type.encode())]
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": status,
            "headers": headers,
        }
        await send(start)
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return app
