"""Clients that send no more: those that wait for their responses, and those that have left."""

import asyncio
import json
from typing import Any, Final

import pytest
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from common.http import connection as http_connection
from common.http.exchange import ON_DISCONNECT
from tests.unit.common.http.harness.applications import GET, echo, respond
from tests.unit.common.http.harness.connected import connected

POST: Final = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED: Final = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LARGE: Final = 20_000_000
"""The size of a response that the kernel does not take at once."""


class Waiting:
    """An application that responds when it is let, unless it learns that its client has left."""

    def __init__(self, length: int = 4) -> None:
        self._body = length * b"x"
        self.began = asyncio.Event()
        self.may_respond = asyncio.Event()
        self.has_left = asyncio.Event()

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        assert scope["type"] == "http"
        extensions: dict[str, Any] = scope["extensions"]
        extensions[ON_DISCONNECT](self.has_left.set)
        self.began.set()
        await self.may_respond.wait()
        await respond(send, self._body)


async def stream(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Respond without a length, with one part, and end when the client has left."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.mark.parametrize("request_", [POST, CHUNKED + b"4\r\nbody\r\n0\r\n\r\n"])
@pytest.mark.parametrize("together", [False, True])
async def test_a_client_that_closes_its_sending_half_gets_its_response_and_nothing_else(
    request_: bytes, together: bool
) -> None:
    async with connected(echo) as client:
        client.writer.write(request_)
        if not together:
            await asyncio.sleep(0.01)  # not to be right: in both orders the response is the same
        client.writer.write_eof()
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert json.loads(body) == ["POST", "/", "body"]


async def test_each_whole_request_before_the_end_gets_its_response() -> None:
    async with connected(echo) as client:
        client.writer.write(POST + GET + POST + GET[:-2])
        client.writer.write_eof()
        received = await client.rest()
    bodies = [json.loads(part.splitlines()[0]) for part in received.split(b"\r\n\r\n")[1:]]
    assert bodies == [["POST", "/", "body"], ["GET", "/", ""], ["POST", "/", "body"]]


async def test_a_slow_response_comes_after_a_few_interim_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_connection, "PROBE_DELAYS_S", (0.01, 0.01, 0.01))
    app = Waiting()
    async with connected(app) as client:
        client.writer.write(POST)
        client.writer.write_eof()
        for _ in range(3):
            assert await client.head() == CONTINUE
        await asyncio.sleep(0.05)  # not to be right: a fourth would have been sent by then
        app.may_respond.set()
        assert (await client.head()).startswith(b"HTTP/1.1 200")
        assert await client.rest() == b"xxxx"
    assert not app.has_left.is_set()


async def test_a_client_of_http_1_0_gets_its_response_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_connection, "PROBE_DELAYS_S", (0.01, 0.01))
    app = Waiting()
    async with connected(app) as client:
        client.writer.write(POST.replace(b"HTTP/1.1", b"HTTP/1.0"))
        client.writer.write_eof()
        await asyncio.sleep(0.05)  # not to be right: an interim one would have been sent by then
        app.may_respond.set()
        assert (await client.head()).startswith(b"HTTP/1.1 200")
        assert await client.rest() == b"xxxx"


async def test_a_client_that_sends_no_more_amid_a_long_response_gets_the_rest() -> None:
    app = Waiting(LARGE)
    async with connected(app) as client:
        client.writer.write(GET)
        app.may_respond.set()
        await client.head()
        client.writer.write_eof()
        assert len(await client.rest()) == LARGE
    assert not app.has_left.is_set()


@pytest.mark.parametrize("is_reset", [False, True])
@pytest.mark.parametrize("behind", [b"", GET, CHUNKED])
async def test_a_client_that_has_closed_both_halves_has_left(behind: bytes, is_reset: bool) -> None:
    app = Waiting()
    async with connected(app) as client:
        client.writer.write(POST + behind)
        await app.began.wait()
        if is_reset:
            client.writer.transport.abort()
        else:
            client.writer.close()
        await app.has_left.wait()
        app.may_respond.set()


async def test_a_client_that_closes_its_other_half_later_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_connection, "PROBE_DELAYS_S", 100 * (0.01,))
    app = Waiting()
    async with connected(app) as client:
        client.writer.write(POST)
        client.writer.write_eof()
        assert await client.head() == CONTINUE
        assert not app.has_left.is_set()
        client.writer.close()
        await app.has_left.wait()
        app.may_respond.set()


@pytest.mark.parametrize("request_", [POST[:-1], CHUNKED, CHUNKED + b"4\r\nbody\r\n"])
async def test_a_client_that_sends_no_more_amid_its_body_has_left(request_: bytes) -> None:
    app = Waiting()
    async with connected(app) as client:
        client.writer.write(request_)
        client.writer.write_eof()
        await app.has_left.wait()
        app.may_respond.set()


async def test_a_stream_ends_when_its_client_sends_no_more() -> None:
    async with connected(stream) as client:
        client.writer.write(GET)
        assert b"chunked" in await client.head()
        client.writer.write_eof()
        await client.rest()


async def test_a_client_that_sends_no_more_before_a_request_is_disconnected() -> None:
    async with connected(echo) as client:
        client.writer.write(GET[:-2])
        client.writer.write_eof()
        assert await client.rest() == b""


async def test_a_malformed_request_before_the_end_gets_its_error() -> None:
    async with connected(echo) as client:
        client.writer.write(POST + b"\0")
        client.writer.write_eof()
        received = await client.rest()
    assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]


def test_the_probes_are_fewer_than_the_interim_responses_that_clients_accept() -> None:
    assert 2 <= len(http_connection.PROBE_DELAYS_S) <= 5  # 5 is the bound of Go's net/http
