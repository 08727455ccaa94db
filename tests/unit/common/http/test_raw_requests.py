"""Raw bytes to the real HTTP server: the responses, and what becomes of the connection.

RFC 9112 calls each refused case an error, or allows its recipient to. Each case ends with a
request of its own, ``NEXT``, which is answered exactly if the connection is still in step.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from predictmq.local.ports import LOOPBACK
from tests.support.harness.serving import serving
from tests.unit.common.http.harness.applications import echo

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one server for all cases

HEAD: Final = b"POST /a HTTP/1.1\r\nHost: x\r\n"
CHUNKED: Final = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT: Final = b"GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
ANSWER_TO_NEXT: Final = ["GET", "/next", ""]
PROBLEM: Final = b"Accept: application/problem+json\r\n"

ACCEPTED: Final = {
    "no body": (HEAD + b"\r\n", ["POST", "/a", ""]),
    "an empty line before": (b"\r\n" + HEAD + b"\r\n", ["POST", "/a", ""]),
    "a length": (HEAD + b"Content-Length: 5\r\n\r\nhello", ["POST", "/a", "hello"]),
    "a length in white space": (
        HEAD + b"Content-Length: \t5 \t\r\n\r\nhello",
        ["POST", "/a", "hello"],
    ),
    "a body that looks like a request": (
        HEAD + b"Content-Length: %d\r\n\r\n" % len(NEXT) + NEXT,
        ["POST", "/a", NEXT.decode()],
    ),
    "chunks": (CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", ["POST", "/a", "hello"]),
    "chunks in capitals": (
        HEAD + b"TRANSFER-ENCODING: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
        ["POST", "/a", "0123456789"],
    ),
    "empty lines in chunks": (
        CHUNKED + b"8\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n",
        ["POST", "/a", 4 * "\r\n"],
    ),
    "an extension and a trailer": (
        CHUNKED + b'5;a=b;c="d"\r\nhello\r\n0;e\r\nX-Trailer: y\r\n\r\n',
        ["POST", "/a", "hello"],
    ),
    "leading zeros of a chunk size": (
        CHUNKED + b"0005\r\nhello\r\n0\r\n\r\n",
        ["POST", "/a", "hello"],
    ),
    "a query": (b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", ["GET", "/a?b=c", ""]),
    "a whole URL": (b"GET http://y:80/a?b HTTP/1.1\r\nHost: x\r\n\r\n", ["GET", "/a?b", ""]),
    "a whole URL without a path": (
        b"GET HTTP://y?b HTTP/1.1\r\nHost: x\r\n\r\n",
        ["GET", "/?b", ""],
    ),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", ["OPTIONS", "*", ""]),
    "an asterisk of a proxy": (
        b"OPTIONS http://y HTTP/1.1\r\nHost: x\r\n\r\n",
        ["OPTIONS", "*", ""],
    ),
    "a whole URL with a double slash": (
        b"GET http://y//a HTTP/1.1\r\nHost: x\r\n\r\n",
        ["GET", "//a", ""],
    ),
    "a double slash": (b"GET //y/a HTTP/1.1\r\nHost: x\r\n\r\n", ["GET", "//y/a", ""]),
    "empty lines before": (b"\r\n\r\n" + HEAD + b"\r\n", ["POST", "/a", ""]),
    "an empty host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", ["GET", "/", ""]),
    "an IPv6 host": (b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", ["GET", "/", ""]),
    "bytes above ASCII in a field": (HEAD + b"X: \xff\r\n\r\n", ["POST", "/a", ""]),
    "an upgrade to HTTP/2": (
        HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
        ["POST", "/a", ""],
    ),
    "an upgrade with a length": (
        HEAD + b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello",
        ["POST", "/a", "hello"],
    ),
    "an upgrade with chunks": (
        HEAD + b"Connection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\n\r\n",
        ["POST", "/a", "hello"],
    ),
    "CONNECT with a path": (
        b"CONNECT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        ["CONNECT", "/a", "hello"],
    ),
    "an expectation that is unknown": (HEAD + b"Expect: 200-ok\r\n\r\n", ["POST", "/a", ""]),
}


def get(line: bytes, fields: bytes = b"Host: x\r\n") -> bytes:
    """Return a request without a body."""
    return line + b"\r\n" + fields + b"\r\n"


def post(fields: bytes, body: bytes = b"hello") -> bytes:
    """Return a request with a body."""
    return HEAD + fields + b"\r\n" + body


LAST: Final = b"0\r\n\r\n"

REFUSED: Final = {
    # The length of the body (RFC 9112, sections 6.1 to 6.3)
    "a length and a coding": (
        400,
        post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", LAST),
    ),
    "a coding and a length": (
        400,
        post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", LAST),
    ),
    "two lengths": (400, post(b"Content-Length: 5\r\nContent-Length: 6\r\n")),
    "the same length twice": (400, post(b"Content-Length: 5\r\nContent-Length: 5\r\n")),
    "a list of lengths": (400, post(b"Content-Length: 5, 6\r\n")),
    "a length with a sign": (400, post(b"Content-Length: +5\r\n")),
    "a negative length": (400, post(b"Content-Length: -5\r\n")),
    "a hexadecimal length": (400, post(b"Content-Length: 0x5\r\n")),
    "a length with a space": (400, post(b"Content-Length: 5 5\r\n")),
    "an empty length": (400, post(b"Content-Length:\r\n")),
    "a length beyond 64 bits": (400, post(b"Content-Length: 18446744073709551621\r\n")),
    "an unknown coding": (400, post(b"Transfer-Encoding: xchunked\r\n", LAST)),
    "the coding identity": (400, post(b"Transfer-Encoding: identity\r\n")),
    "another coding before chunked": (501, post(b"Transfer-Encoding: gzip, chunked\r\n", LAST)),
    "another coding in a field of its own": (
        501,
        post(b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", LAST),
    ),
    "another coding after chunked": (400, post(b"Transfer-Encoding: chunked, gzip\r\n", LAST)),
    "chunked in a list twice": (400, post(b"Transfer-Encoding: chunked, chunked\r\n", LAST)),
    "chunked twice": (400, post(2 * b"Transfer-Encoding: chunked\r\n", LAST)),
    "an empty coding": (400, post(b"Transfer-Encoding:\r\n", LAST)),
    "a coding with a parameter": (400, post(b"Transfer-Encoding: chunked;a=b\r\n", LAST)),
    "a coding after a control character": (400, post(b"Transfer-Encoding: \x0bchunked\r\n", LAST)),
    "a coding in HTTP/1.0": (
        400,
        b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
    ),
    "an unknown coding with an upgrade": (
        501,
        post(b"Connection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: xchunked\r\n", LAST),
    ),
    # Chunks (RFC 9112, section 7.1)
    "a chunk size with a space": (400, CHUNKED + b"5 \r\nhello\r\n" + LAST),
    "a chunk size with a prefix": (400, CHUNKED + b"0x5\r\nhello\r\n" + LAST),
    "a chunk size with a sign": (400, CHUNKED + b"+5\r\nhello\r\n" + LAST),
    "no chunk size": (400, CHUNKED + b"\r\nhello\r\n" + LAST),
    "a chunk size beyond 64 bits": (400, CHUNKED + b"10000000000000005\r\nhello\r\n" + LAST),
    "a chunk that is too long": (400, CHUNKED + b"4\r\nhello\r\n" + LAST),
    "a chunk size that ends with LF": (400, CHUNKED + b"5\nhello\r\n" + LAST),
    "a chunk that ends with LF": (400, CHUNKED + b"5\r\nhello\n" + LAST),
    "an extension that ends with LF": (400, CHUNKED + b"5;a\nhello\r\n" + LAST),
    "an extension with NUL": (400, CHUNKED + b"5;\0\r\nhello\r\n" + LAST),
    "an extension that is too long": (
        431,
        CHUNKED + b"5;" + 20_000 * b"a" + b"\r\nhello\r\n" + LAST,
    ),
    "extensions that are too long": (
        431,
        CHUNKED + 300 * (b"1;" + 99 * b"a" + b"\r\nx\r\n") + LAST,
    ),
    "a chunk size with too many zeros": (431, CHUNKED + 20_000 * b"0" + b"5\r\nhello\r\n" + LAST),
    "a trailer that is too long": (431, CHUNKED + b"0\r\nX: " + 20_000 * b"y" + b"\r\n\r\n"),
    "a trailer that does not end": (431, CHUNKED + b"0\r\nX: " + 20_000 * b"y"),
    "too many trailers": (431, CHUNKED + b"0\r\n" + 101 * b"X: y\r\n" + b"\r\n"),
    "a length in the trailer": (400, CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n"),
    # Fields (RFC 9112, section 5)
    "a folded field": (400, get(b"GET / HTTP/1.1", b"Host: x\r\nX: a\r\n b\r\n")),
    "a folded request line": (400, get(b"GET / HTTP/1.1", b" Host: x\r\n")),
    "a space before the colon": (400, get(b"GET / HTTP/1.1", b"Host : x\r\n")),
    "no colon": (400, get(b"GET / HTTP/1.1", b"Host: x\r\nX\r\n")),
    "no name": (400, get(b"GET / HTTP/1.1", b"Host: x\r\n: a\r\n")),
    "a name that is no token": (400, get(b"GET / HTTP/1.1", b"Host: x\r\nX(y): a\r\n")),
    "NUL in a name": (400, get(b"GET / HTTP/1.1", b"Host: x\r\nX\0: a\r\n")),
    "NUL in a value": (400, get(b"GET / HTTP/1.1", b"Host: x\r\nX: a\0b\r\n")),
    "a control character in a value": (400, get(b"GET / HTTP/1.1", b"Host: x\r\nX: a\x01b\r\n")),
    "DEL in a value": (400, get(b"GET / HTTP/1.1", b"Host: x\r\nX: a\x7fb\r\n")),
    "a bare CR in a value": (400, get(b"GET / HTTP/1.1", b"Host: x\r\nX: a\rY: b\r\n")),
    "a field that ends with LF": (400, get(b"GET / HTTP/1.1", b"Host: x\nX: a\r\n")),
    "a head that ends with LF": (400, b"GET / HTTP/1.1\r\nHost: x\r\n\n"),
    "a head of LF": (400, b"GET / HTTP/1.1\nHost: x\n\n"),
    "no host": (400, get(b"GET / HTTP/1.1", b"")),
    "two hosts": (400, get(b"GET / HTTP/1.1", b"Host: x\r\nHost: y\r\n")),
    "two hosts in HTTP/1.0": (400, get(b"GET / HTTP/1.0", b"Host: x\r\nHost: x\r\n")),
    "a host with a space": (400, get(b"GET / HTTP/1.1", b"Host: x y\r\n")),
    "a host with a path": (400, get(b"GET / HTTP/1.1", b"Host: x/y\r\n")),
    "a host with a user": (400, get(b"GET / HTTP/1.1", b"Host: y@x\r\n")),
    "too many fields": (431, get(b"GET / HTTP/1.1", b"Host: x\r\n" + 100 * b"X: y\r\n")),
    "a head that is too long": (431, get(b"GET / HTTP/1.1", b"X: " + 17_000 * b"y" + b"\r\n")),
    "a head that does not end": (431, b"GET / HTTP/1.1\r\nX: " + 17_000 * b"y"),
    # The request line (RFC 9112, section 3)
    "a target that is too long": (414, get(b"GET /" + 9000 * b"a" + b" HTTP/1.1")),
    "a target that does not end": (414, b"GET /" + 9000 * b"a"),
    "a path without a slash": (400, get(b"GET a HTTP/1.1")),
    "an asterisk without OPTIONS": (400, get(b"GET * HTTP/1.1")),
    "a target of another scheme": (400, get(b"GET ftp://x/ HTTP/1.1")),
    "a whole URL without a host": (400, get(b"GET http:///a HTTP/1.1")),
    "a whole URL with a user": (400, get(b"GET http://y@x/a HTTP/1.1")),
    "a fragment": (400, get(b"GET /a#b HTTP/1.1")),
    "a control character in the target": (400, get(b"GET /\x01 HTTP/1.1")),
    "bytes above ASCII in the target": (400, get(b"GET /\xff HTTP/1.1")),
    "no target": (400, get(b"GET HTTP/1.1")),
    "a space in the target": (400, get(b"GET /a b HTTP/1.1")),
    "two spaces": (400, get(b"GET  / HTTP/1.1")),
    "two spaces before the version": (400, get(b"GET /  HTTP/1.1")),
    "a space after the version": (400, get(b"GET / HTTP/1.1 ")),
    "a tab": (400, get(b"GET\t/ HTTP/1.1")),
    "a bare LF before": (400, b"\n" + get(b"GET / HTTP/1.1")),
    "a bare CR before": (400, b"\r" + get(b"GET / HTTP/1.1")),
    "CONNECT": (400, get(b"CONNECT x:80 HTTP/1.1")),
    "a method in small letters": (501, get(b"get / HTTP/1.1")),
    "an unknown method": (501, get(b"BREW / HTTP/1.1")),
    "a method of RTSP": (400, get(b"DESCRIBE / HTTP/1.1")),
    "a method that is no token": (400, get(b"G(T / HTTP/1.1")),
    "a response": (400, b"HTTP/1.1 200 OK\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "a line of another protocol": (400, b"EHLO x\r\n"),
    # The version (RFC 9112, section 2.3)
    "a version in small letters": (400, get(b"GET / http/1.1")),
    "another protocol": (400, get(b"GET / RTSP/1.0")),
    "no version": (400, b"GET /\r\n\r\n"),
    "a version of three digits": (400, get(b"GET / HTTP/1.11")),
    "HTTP/0.9": (505, get(b"GET / HTTP/0.9")),
    "HTTP/1.2": (505, get(b"GET / HTTP/1.2")),
    "HTTP/2.0": (505, get(b"GET / HTTP/2.0")),
    "the preface of HTTP/2": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port() -> AsyncIterator[int]:
    async with serving(echo) as port:
        yield port


async def responses(port: int, data: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """Send bytes; returns status, fields and body of each response until the server closes."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    async with asyncio.timeout(10):
        writer.write(data)
        received = await reader.read()
        writer.close()
        await writer.wait_closed()
    found = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines)
        length = int(fields["content-length"])
        found.append((int(status.split(" ")[1]), fields, rest[:length]))
        received = rest[length:]
    return found


@pytest.mark.parametrize("case", ACCEPTED)
async def test_a_request_that_is_valid_leaves_the_connection_in_step(port: int, case: str) -> None:
    request, expected = ACCEPTED[case]
    answers = await responses(port, request + NEXT)
    assert [status for status, _, _ in answers] == [200, 200]
    assert [json.loads(body) for _, _, body in answers] == [expected, ANSWER_TO_NEXT]
    assert ["connection" in fields for _, fields, _ in answers] == [False, True]


@pytest.mark.parametrize("case", REFUSED)
async def test_a_request_that_is_no_valid_one_is_refused_and_ends_the_connection(
    port: int, case: str
) -> None:
    expected, request = REFUSED[case]
    with capture_logs() as lines:
        ((status, fields, body),) = await responses(port, request)
    assert status == expected
    assert fields["connection"] == "close"
    assert list(json.loads(body)) == ["error"]
    (line,) = (line for line in lines if line["event"] == "request")
    assert (line["status"], line["correlation_id"]) == (status, fields["correlation-id"])


@pytest.mark.parametrize("case", REFUSED)
async def test_what_follows_a_refused_request_is_no_request(port: int, case: str) -> None:
    _, request = REFUSED[case]
    assert len(await responses(port, request + NEXT)) == 1


@pytest.mark.parametrize("case", REFUSED)
async def test_a_request_before_a_refused_one_is_answered(port: int, case: str) -> None:
    status, request = REFUSED[case]
    answers = await responses(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + request)
    assert [status for status, _, _ in answers] == [200, status]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HEAD + PROBLEM + b"Content-Length: x\r\n\r\n", 400),
        (HEAD + PROBLEM + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"GET / HTTP/2.0\r\nHost: x\r\n" + PROBLEM + b"\r\n", 505),
        (HEAD + PROBLEM + b"Transfer-Encoding: chunked\r\n\r\nx\r\n", 400),
    ],
)
async def test_a_refusal_is_a_problem_for_clients_that_prefer_one(
    port: int, request_: bytes, status: int
) -> None:
    ((_, fields, body),) = await responses(port, request_)
    problem: dict[str, Any] = json.loads(body)
    assert fields["content-type"] == "application/problem+json"
    assert (problem["status"], problem["correlation_id"]) == (status, fields["correlation-id"])
    assert re.fullmatch("[a-z_]+", problem["code"])


async def test_a_refusal_of_head_has_no_body(port: int) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(b"HEAD / HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.endswith(b"\r\n\r\n")


async def test_each_refusal_has_an_id_of_its_own(port: int) -> None:
    ids = {(await responses(port, b"\0"))[0][1]["correlation-id"] for _ in range(3)}
    assert len(ids) == 3


async def test_a_request_of_http_1_0_needs_no_host_and_ends_the_connection(port: int) -> None:
    line = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    ((status, fields, body),) = await responses(port, line + NEXT)
    assert (status, fields["connection"]) == (200, "close")
    assert json.loads(body) == ["GET", "/", ""]


@pytest.mark.parametrize("value", [b"close", b"Close", b"keep-alive, close", b"x ,close\t, y"])
async def test_a_client_that_asks_to_close_gets_no_further_response(
    port: int, value: bytes
) -> None:
    request = HEAD + b"Connection: %b\r\n\r\n" % value
    ((status, fields, _),) = await responses(port, request + NEXT)
    assert (status, fields["connection"]) == (200, "close")
