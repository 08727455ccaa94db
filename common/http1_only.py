"""Speak HTTP/1.1 and nothing else.

hypercorn takes HTTP/2 and WebSockets too. The system does not see that a client of HTTP/2 leaves
its answers unread, so they would be kept for as long as it likes.
"""

from typing import Any, Final

from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

REFUSAL: Final = b'{"error": "This server speaks HTTP/1.1 only."}'
HEADERS: Final = [(b"content-type", b"application/json")]
HTTP_VERSION_NOT_SUPPORTED: Final = 505


def http1_only(app: ASGIFramework) -> ASGIFramework:
    """``app`` for HTTP/1.1; every other request is answered with 505 and a sentence."""

    async def choosing(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "websocket":
            await _refuse("websocket.http.response", send)
        elif scope["type"] == "http" and scope["http_version"] not in ("1.0", "1.1"):
            await _refuse("http.response", send)
        else:
            await app(scope, receive, send)

    return choosing


async def _refuse(response: str, send: ASGISendCallable) -> None:
    start: Any = {
        "type": f"{response}.start",
        "status": HTTP_VERSION_NOT_SUPPORTED,
        "headers": HEADERS,
    }
    body: Any = {"type": f"{response}.body", "body": REFUSAL, "more_body": False}
    await send(start)
    await send(body)
