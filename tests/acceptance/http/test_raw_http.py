"""Requests on a raw socket, as few clients send them, at the gateway and at the health port."""

import asyncio
import subprocess
import time
from typing import Final

import httpx

from tests.support.harness.services import Cluster, Service
from tests.support.harness.serving import exchange

JSON: Final = b"Content-Type: application/json\r\n"
CLOSE: Final = b"Connection: close\r\n"
NEXT: Final = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + CLOSE + b"\r\n"
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
WEBSOCKET: Final = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
H2C: Final = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
EXPECT: Final = b"Expect: 100-continue\r\n"


def post(fields: bytes = b"", target: bytes = b"/predict", body: bytes = b'{"input": 7}') -> bytes:
    """Return a call of the demo model."""
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST %b HTTP/1.1\r\nHost: localhost\r\n%b%b\r\n%b" % (
        target,
        length,
        JSON + fields,
        body,
    )


def announced(target: bytes, fields: bytes = JSON, length: int = 200) -> bytes:
    """Return the head of a request whose body is not sent."""
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\n%bContent-Length: %d\r\n\r\n"
    return head % (target, fields, length)


CALLS: Final = {
    "identity": (post(b"Content-Encoding: Identity\r\n"), b"200"),
    "IDENTITY": (post(b"Content-Encoding: \tIDENTITY \r\n"), b"200"),
    "GZIP": (post(b"Content-Encoding: GZIP\r\n"), b"415"),
    "identity twice": (post(2 * b"Content-Encoding: identity\r\n"), b"200"),
    "identity, then gzip": (
        post(b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n"),
        b"415",
    ),
    "a media type in capitals": (post().replace(b"application/json", b"Application/JSON"), b"200"),
    "100-Continue with its body": (post(b"Expect: 100-Continue\r\n"), b"200"),
    "an unknown expectation": (post(b"Expect: 200-maybe\r\n"), b"200"),
    "an empty line before": (b"\r\n" + post(), b"200"),
    "h2c": (post(H2C), b"200"),
    "a whole URL": (post(target=b"http://elsewhere:80/predict"), b"200"),
    "a whole URL with two slashes": (post(target=b"http://elsewhere//predict"), b"404"),
    "two slashes": (post(target=b"//predict"), b"404"),
    "an escaped slash": (post(target=b"/%2fpredict"), b"404"),
    "two slashes and a host": (post(target=b"//elsewhere/predict"), b"404"),
    "a slash behind": (post(target=b"/predict/"), b"404"),
    "a dot": (post(target=b"/./predict"), b"404"),
}

EARLY: Final = {
    "413": announced(b"/predict", length=20_000_000),
    "404": announced(b"/nowhere"),
    "404 of a malformed model": announced(b"/models/a.b/predict"),
    "405": announced(b"/livez"),
    "400": announced(b"/predict", JSON + b"Cancel-After: x\r\n"),
    "415": announced(b"/predict", b"Content-Type: text/plain\r\n"),
    "415 of a coding": announced(b"/predict", JSON + b"Content-Encoding: br\r\n"),
}


async def _exchange(service: Service, request: bytes) -> bytes:
    port = httpx.URL(service.url).port
    assert port is not None
    return await exchange(port, request)


async def test_calls_that_are_odd_but_legal_get_their_results(cluster: Cluster) -> None:
    gateway, predictor = cluster.gateway(), cluster.predictor()
    await gateway.ready()
    await predictor.ready()
    for name, (request, status) in CALLS.items():
        first, *others = (await _exchange(gateway, request + NEXT)).split(b"HTTP/1.1 ")[1:]
        assert first.startswith(status), name
        assert [each[:3] for each in others] == [b"200"], name


async def test_an_error_that_needs_no_body_does_not_wait_for_it(cluster: Cluster) -> None:
    gateway = cluster.gateway()
    await gateway.ready()
    url = httpx.URL(gateway.url)
    for name, request in EARLY.items():
        for expect in (b"", EXPECT):
            started_s = time.monotonic()
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(request.replace(b"Host: localhost\r\n", b"Host: localhost\r\n" + expect))
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            assert head.startswith(b"HTTP/1.1 %b" % name[:3].encode()), name
            assert time.monotonic() - started_s < 3, name  # the body's own time is 5 s and more
            writer.close()


async def test_both_ports_speak_http_1_1_alone(cluster: Cluster) -> None:
    gateway, predictor = cluster.gateway(), cluster.predictor()
    await gateway.ready()
    await predictor.ready()
    for service in (gateway, predictor):
        assert (await _exchange(service, PREFACE)).startswith(b"HTTP/1.1 505")
        for offer in (H2C, WEBSOCKET):
            request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + offer + b"\r\n" + NEXT
            assert (await _exchange(service, request)).count(b"HTTP/1.1 200") == 2
        both = post(b"Transfer-Encoding: chunked\r\n") + NEXT
        answer = await _exchange(service, both)
        assert answer.startswith(b"HTTP/1.1 400")
        assert answer.count(b"HTTP/1.1 ") == 1
        options = b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n" + NEXT
        answer = await _exchange(service, options)
        assert answer.startswith(b"HTTP/1.1 204")
        assert b"\r\nallow: " in answer
        assert answer.count(b"HTTP/1.1 ") == 2
        for status in (b"400", b"505"):
            await service.logs(f'"status":{status.decode()}')


async def test_curl_that_offers_http2_is_answered_over_http_1_1(cluster: Cluster) -> None:
    gateway = cluster.gateway()
    await gateway.ready()
    command = ("curl", "--silent", "--include", "--http2", f"{gateway.url}/livez")
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    assert done.stdout.startswith(b"HTTP/1.1 200")
