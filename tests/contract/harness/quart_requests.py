"""ASGI scopes and Quart requests, as the gateway gets them."""

from typing import Any, Final

from quart import Quart, Request
from werkzeug.datastructures import Headers

_SCOPE: Final[dict[str, Any]] = {
    "type": "http",
    "http_version": "1.1",
    "asgi": {"version": "3.0"},
    "scheme": "http",
    "query_string": b"",
    "headers": [(b"host", b"test"), (b"range", b"bytes=2-5")],
    "client": ("127.0.0.1", 1),
    "extensions": {},
}


def http_scope(method: str, path: str) -> Any:
    """Return the ASGI scope of a request."""
    return _SCOPE | {"method": method, "path": path, "raw_path": path.encode()}


def request_to(app: Quart, method: str = "GET", path: str = "/") -> Request:
    """Return a request to ``app``, as Quart's connection makes it."""

    async def push(*_: Any) -> None: ...

    return app.request_class(
        method,
        "http",
        path,
        b"",
        Headers([("Host", "test")]),
        "",
        "1.1",
        http_scope(method, path),
        max_content_length=4,
        send_push_promise=push,
    )
