"""ASGI applications for raw requests to the real HTTP server."""

import json
from typing import Final

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

GET: Final = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def echo(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Respond with a line of JSON: method, path and body of the request as they were received."""
    if scope["type"] != "http":
        return
    body = b""
    while (event := await receive())["type"] == "http.request":
        body += event["body"]
        if not event["more_body"]:
            break
    path = (scope["raw_path"] + b"?" + scope["query_string"]).removesuffix(b"?")
    line = json.dumps([scope["method"], path.decode(), body.decode("latin-1")]).encode() + b"\n"
    length = (b"content-length", b"%d" % len(line))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": line, "more_body": False})


async def respond(send: ASGISendCallable, body: bytes, status: int = 200) -> None:
    """Send a whole response."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length]})
    await send({"type": "http.response.body", "body": body, "more_body": False})
