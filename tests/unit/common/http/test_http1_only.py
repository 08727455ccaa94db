"""Responses to clients that offer, or begin with, a protocol other than HTTP/1.1."""

from typing import Final

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from tests.support.harness.serving import exchange, serving

WEBSOCKET: Final = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
H2C: Final = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


async def echo(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Responds with method, path and body of the request."""
    if scope["type"] != "http":
        assert scope["type"] == "lifespan"
        return
    body = b""
    while True:
        event = await receive()
        assert event["type"] == "http.request"
        body += event["body"]
        if not event["more_body"]:
            break
    echoed = b"<%b %b %b>" % (scope["method"].encode(), scope["path"].encode(), body)
    length = (b"content-length", b"%d" % len(echoed))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": echoed, "more_body": False})


async def test_http2_is_refused_over_http1_and_the_connection_is_closed() -> None:
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    head = {":method": "GET", ":path": "/predict", ":scheme": "http", ":authority": "x"}
    client.send_headers(1, list(head.items()), end_stream=True)
    async with serving(echo) as port:
        answer = await exchange(port, client.data_to_send())
    assert answer.startswith(b"HTTP/1.1 505 ")
    assert answer.endswith(b'\r\n\r\n{"error": "This server speaks HTTP/1.1 only."}')


@pytest.mark.parametrize("offer", [WEBSOCKET, H2C])
async def test_an_upgrade_is_ignored_with_the_requests_after_it_in_order(offer: bytes) -> None:
    post = b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n%b\r\nbody"
    chunked = b"POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n%b\r\n%b"
    last = b"GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    requests = post % (1, offer) + chunked % (offer, b"2\r\nab\r\n0\r\n\r\n") + last
    async with serving(echo) as port:
        answer = await exchange(port, requests)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == answer.count(b"HTTP/1.1 ") == 3
    assert [part.partition(b">")[0] for part in answer.split(b"<")[1:]] == [
        b"POST /1 body",
        b"POST /2 ab",
        b"GET /3 ",
    ]
