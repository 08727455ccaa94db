"""The endpoints ``/livez``, ``/readyz`` and ``/metrics``, as a plain ASGI application."""

from typing import Final

from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    Scope,
)
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from common.http.error_response import JSON, send_error
from common.http.health import Checks, readiness

UNKNOWN: Final = (404, "not_found", "There are /livez, /readyz and /metrics.")
READ_ONLY: Final = (405, "method_not_allowed", "There is GET, and HEAD.")


def health_app(checks: Checks, registry: CollectorRegistry) -> ASGIFramework:
    """Return the application; a predictor is ready while all ``checks`` hold."""

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            return
        response = _response(scope["path"], checks, registry)
        if scope["path"] == "*":  # OPTIONS of the server itself (RFC 9110, section 9.3.7)
            await _send(send, 204, [(b"allow", b"GET, HEAD")], b"")
        elif response is None:
            await send_error(scope, send, *UNKNOWN)
        elif scope["method"] not in ("GET", "HEAD"):
            await send_error(scope, send, *READ_ONLY)
        else:
            status, content_type, body = response
            await _send(send, status, [(b"content-type", content_type.encode())], body)

    return app


def _response(
    path: str, checks: Checks, registry: CollectorRegistry
) -> tuple[int, str, bytes] | None:
    """Return status, media type and body; None for an unknown path."""
    if path == "/livez":
        return 200, JSON, b'{"status": "alive"}'
    if path == "/metrics":
        return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
    if path == "/readyz":
        is_ready, body = readiness(checks)
        return 200 if is_ready else 503, JSON, body
    return None


async def _send(
    send: ASGISendCallable, status: int, fields: list[tuple[bytes, bytes]], body: bytes
) -> None:
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": False})
