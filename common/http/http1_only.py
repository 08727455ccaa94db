"""Speak HTTP/1.1 and nothing else.

hypercorn takes HTTP/2 and WebSockets too. The system does not see that a client of HTTP/2 leaves
its answers unread, so they would be kept for as long as it likes.
"""

from typing import Final
from urllib.parse import urlsplit

from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

from common.http.error_response import send_error

OTHER_PROTOCOL: Final = (505, "http_version_not_supported", "This server speaks HTTP/1.1 only.")
NO_TARGET: Final = (400, "bad_request", "The request names no path that begins with a slash.")


def http1_only(app: ASGIFramework) -> ASGIFramework:
    """``app`` for what HTTP/1.1 is; every other request is answered with an error."""

    async def choosing(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "websocket" or (
            scope["type"] == "http" and scope["http_version"] not in ("1.0", "1.1")
        ):
            await send_error(scope, send, *OTHER_PROTOCOL)
        elif scope["type"] == "http" and not _is_target(scope["path"]):
            await send_error(scope, send, *NO_TARGET)
        else:
            await app(scope, receive, send)

    return choosing


def _is_target(path: str) -> bool:
    """Whether it is a path, a whole URL or ``*`` (RFC 9112, section 3.2)."""
    if path.startswith("/") or path == "*":
        return True
    try:
        return urlsplit(path).netloc != ""
    except ValueError:
        return False
