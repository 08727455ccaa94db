"""The heads of requests that take longest to read, beside a harmless one of the same size."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

import pytest
import structlog

from common.http.request_head import MAX_HEAD_BYTES
from common.http.request_reader import RequestReader
from common.settings import BrokerSettings
from gateway.app import Gateway
from gateway.settings import GatewaySettings
from tests.support.fakes.http_requests import http_scope

SIZE: Final = MAX_HEAD_BYTES - 500
FIELD: Final = 980
"""A length below that beyond which fields are not parsed."""

TIMES_HARMLESS: Final = 40
"""The bound of the worst head, as a multiple of a harmless one, which takes some 0.2 ms."""

Field = tuple[bytes, bytes]


def one(name: str, part: str, begin: str = "", end: str = "") -> list[Field]:
    """Return a field that is as long as a head may be."""
    value = begin + part * ((SIZE - len(begin + end)) // len(part)) + end
    return [(name.encode(), value.encode())]


def several(name: str, part: str, begin: str = "", end: str = "") -> list[Field]:
    """Return fields of one name that are as long together as a head may be."""
    value = begin + part * ((FIELD - len(begin + end)) // len(part)) + end
    return [(name.encode(), value.encode())] * (SIZE // 1000)


WORST: Final[dict[str, list[Field]]] = {
    "accept, ranges": one("accept", "a/b,"),
    "accept, parameters": one("accept", "a/b;c=d,"),
    "accept, weights": one("accept", "*/*;q=0.1,"),
    "accept, events": one("accept", "a/b,", "text/event-stream,"),
    "accept, as long as it counts": several("accept", "a/b,"),
    "content-type": one("content-type", ";a=b", "application/json"),
    "content-type, quoted": one("content-type", '\\"', 'application/json;a="'),
    "content-encoding": one("content-encoding", "a,"),
    "prefer, many": several("prefer", "a=b,"),
    "prefer, spaces behind =": several("prefer", " ", "wait=", "("),
    "prefer, spaces before =": several("prefer", " ", "wait", "("),
    "prefer, quotes": several("prefer", '"'),
    "prefer, backslashes": several("prefer", "\\a", 'wait="'),
    "prefer, too long": one("prefer", "wait=1,"),
    "cancel-after": one("cancel-after", "1"),
    "cancel-after, spaces": one("cancel-after", " ", "1h", "1"),
    "idempotency-key": one("idempotency-key", "a"),
    "idempotency-key, quoted": one("idempotency-key", '\\"', '"', '"'),
    "traceparent": one("traceparent", "a", "01-"),
    "tracestate": several("tracestate", "a=b,"),
    "baggage": one("baggage", "a=b,"),
    "last-event-id": one("last-event-id", "1"),
    "if-none-match": one("if-none-match", '"a",'),
    "authorization": one("authorization", "a", "Bearer "),
    "authorization, spaces": one("authorization", " ", "Bearer "),
    "x-api-key": one("x-api-key", "a"),
    "origin": one("origin", "https://a,"),
    "access-control-request-headers": one("access-control-request-headers", "a,"),
    "cookie": one("cookie", "a=b;"),
    "connection": one("connection", "a,"),
    "forwarded": one("x-forwarded-for", "1.1.1.1,"),
}

TARGETS: Final = {
    "slashes": "/" * 8000,
    "slashes behind a route": "/predict" + "/" * 8000,
    "segments": "/models" + "/a" * 4000,
    "id": "/predict/" + "a" * 8000,
    "id, escaped": "/predict/" + "%61" * 2600,
    "id, no UTF-8": "/predict/" + "%ff" * 2600,
    "model": "/models/" + "a" * 8000,
    "query, fields": "/predict/a?" + "a&" * 4000,
    "query, values": "/predict/a?" + "a=&" * 2600,
    "query, waits": "/predict/a?" + "wait=1&" * 1100,
    "query, one wait": "/predict/a?wait=" + "1" * 7900,
    "query, escaped": "/predict/a?wait=" + "%31" * 2600,
    "query, no UTF-8": "/predict/a?" + "%ff=%ff&" * 950,
}


@pytest.fixture(scope="module")
def respond() -> Iterator[Callable[[bytes], int]]:
    """A function that reads a request as a gateway does; returns the status of its response."""
    filter_ = structlog.make_filtering_bound_logger(40)
    structlog.configure(wrapper_class=filter_)
    settings = GatewaySettings(
        GATEWAY_API_KEYS="alice=alice-key-of-a-test,bob=bob-key-of-a-test",
        GATEWAY_RATE_LIMIT="999999999/second",
        GATEWAY_CORS_ORIGINS="https://app.example",
    )
    loop = asyncio.new_event_loop()
    app = loop.run_until_complete(made(settings))

    async def answer(data: bytes) -> int:
        reader = RequestReader()
        reader.feed(data)
        head = reader.read_head()
        assert head is not None
        path, _, query = head.target.partition(b"?")
        scope = http_scope(head.method, path.decode(), (), query) | {"headers": head.fields}
        statuses: list[int] = []

        async def send(event: Any) -> None:
            statuses.append(event.get("status", 0))

        async def receive() -> Any:
            return {"type": "http.request", "body": b"[1]", "more_body": False}

        await app(cast(Any, scope), receive, send)
        return statuses[0]

    yield lambda data: loop.run_until_complete(answer(data))
    loop.close()
    structlog.reset_defaults()


async def made(settings: GatewaySettings) -> Any:
    """Return the application of a gateway that is not connected to a broker."""
    return Gateway(settings, BrokerSettings()).http_app()


def head(method: str, target: str, fields: list[Field]) -> bytes:
    """Return the head of a request with a key, unless ``fields`` have one."""
    lines = [f"{method} {target} HTTP/1.1\r\n".encode(), b"Host: localhost\r\n"]
    names = {name for name, _ in fields}
    if not names & {b"authorization", b"x-api-key"}:
        lines.append(b"X-API-Key: alice-key-of-a-test\r\n")
    return b"".join([*lines, *(b"%b: %b\r\n" % field for field in fields), b"\r\n"])


def took_s(respond: Callable[[bytes], int], data: bytes) -> float:
    """Return the processor time of a request: the best of five."""
    times = []
    for _ in range(5):
        start_s = time.process_time()
        respond(data)
        times.append(time.process_time() - start_s)
    return min(times)


@pytest.mark.parametrize("route", ["POST /predict", "GET /predict/a", "OPTIONS /predict", "GET /a"])
@pytest.mark.parametrize("worst", WORST)
def test_no_header_within_the_limit_holds_up_a_gateway(
    respond: Callable[[bytes], int], worst: str, route: str
) -> None:
    method, target = route.split()
    harmless = head(method, target, one("x-harmless", "a"))
    worst_s = took_s(respond, head(method, target, WORST[worst]))
    assert worst_s < TIMES_HARMLESS * took_s(respond, harmless)


@pytest.mark.parametrize("worst", TARGETS)
def test_no_target_within_the_limit_holds_up_a_gateway(
    respond: Callable[[bytes], int], worst: str
) -> None:
    harmless = head("GET", "/predict/a", [(b"x-harmless", b"a" * 8000)])
    worst_s = took_s(respond, head("GET", TARGETS[worst], []))
    assert worst_s < TIMES_HARMLESS * took_s(respond, harmless)
