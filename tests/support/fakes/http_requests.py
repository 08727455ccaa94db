"""ASGI scopes, and requests to the gateway that no server has received."""

from collections.abc import Iterable
from typing import Any

from quart import Request

from gateway.web.body import RequestBody
from gateway.web.request import GatewayRequest


def http_scope(
    method: str = "GET",
    path: str = "/",
    headers: Iterable[tuple[bytes, bytes]] = (),
    query_string: bytes = b"",
) -> dict[str, Any]:
    """Return the ASGI scope of a request."""
    return {
        "type": "http",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query_string,
        "headers": [(b"host", b"test"), *headers],
        "client": ("127.0.0.1", 1),
        "extensions": {},
    }


def request_with(**headers: str) -> GatewayRequest:
    """Return a request with these headers, whose body never arrives."""
    encoded = [(name.encode(), value.encode("latin1")) for name, value in headers.items()]
    body = RequestBody(_never, lambda: None, max_bytes=10)
    return GatewayRequest(http_scope(headers=encoded), body, _no_quart_request)


async def _never() -> Any:
    raise AssertionError("the body is not read")


def _no_quart_request() -> Request:
    raise AssertionError("Quart's request is not needed")
