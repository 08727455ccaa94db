"""Requests and responses of one connection: their order, their bodies, and clients that leave."""

import asyncio
import gc
import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope
from structlog.testing import capture_logs

from common.http import connection as http_connection
from common.http.connection import MAX_HELD_BYTES
from common.http.exchange import ON_DISCONNECT, Exchange
from tests.unit.common.http.harness.applications import GET, echo, respond
from tests.unit.common.http.harness.connected import connected

POST: Final = b"POST / HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n"
EXPECT: Final = b"Expect: 100-continue\r\n"
PROBLEM: Final = b"GET / HTTP/1.1\r\nHost: x\r\nAccept: application/problem+json\r\n\r\n"


class Gate:
    """An application whose responses wait to be let through; it records what it receives."""

    def __init__(self) -> None:
        self.began = asyncio.Semaphore(0)
        self.may_respond = asyncio.Semaphore(0)
        self.paths: list[str] = []
        self.received: asyncio.Queue[Any] = asyncio.Queue()

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        assert scope["type"] == "http"
        self.paths.append(scope["path"])
        self.began.release()
        await receive()
        listening = asyncio.create_task(self._listen(receive))
        await self.may_respond.acquire()
        await respond(send, scope["path"].encode())
        await listening

    async def _listen(self, receive: ASGIReceiveCallable) -> None:
        self.received.put_nowait(await receive())


class Listener:
    """An application that registers a callback for its client's disconnect, and then responds."""

    def __init__(self) -> None:
        self.calls = 0
        self.register: Callable[[Callable[[], None] | None], None] = lambda callback: None
        self.registered = asyncio.Event()
        self.may_respond = asyncio.Event()

    def call(self) -> None:
        self.calls += 1
        self.may_respond.set()

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        assert scope["type"] == "http"
        self.register = scope["extensions"][ON_DISCONNECT]  # type: ignore[assignment]
        self.register(self.call)
        self.registered.set()
        await self.may_respond.wait()
        await respond(send, b"done")


def fixed(
    status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = (), *bodies: bytes
) -> ASGIFramework:
    """Return an application with this response, in parts, that reads nothing."""

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        for body in bodies:
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


async def test_a_request_begins_when_the_response_to_the_one_before_has_ended() -> None:
    app = Gate()
    async with connected(app) as client:
        client.writer.write(GET.replace(b"/ ", b"/a ") + GET.replace(b"/ ", b"/b "))
        await app.began.acquire()
        await asyncio.sleep(0.01)  # not to be right: the second would have begun by then
        assert app.paths == ["/a"]
        app.may_respond.release()
        assert await client.response() == b"/a"
        await app.began.acquire()
        app.may_respond.release()
        assert await client.response() == b"/b"


async def test_bytes_behind_a_request_in_flight_are_read_up_to_a_bound() -> None:
    app = Gate()
    sent = GET + (100 * MAX_HELD_BYTES // len(GET)) * GET
    async with connected(app) as client:
        client.writer.write(GET)
        await app.began.acquire()
        (connection,) = client.connections
        client.writer.write(sent)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.writer.drain(), 0.3)
        assert connection._reader.unread_bytes < 3 * MAX_HELD_BYTES  # noqa: SLF001 - the bound
        connection.abort()
        app.may_respond.release()


async def test_a_body_is_read_up_to_a_bound_and_on_when_it_is_received() -> None:
    may_receive = asyncio.Event()
    body = 30 * MAX_HELD_BYTES * b"x"

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await may_receive.wait()
        length, more = 0, True
        while more:
            event = await receive()
            assert event["type"] == "http.request"
            length += len(event["body"])
            more = event["more_body"]
        await respond(send, b"%d" % length)

    async with connected(app) as client:
        client.writer.write(POST % (b"", len(body)) + body)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.writer.drain(), 0.3)
        may_receive.set()
        assert await client.response() == b"%d" % len(body)


async def test_a_body_that_has_arrived_is_one_event() -> None:
    app = Gate()
    received: list[Any] = []

    async def receiving(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await app.may_respond.acquire()
        received.append(await receive())
        await respond(send, b"")

    async with connected(receiving) as client:
        client.writer.write(POST % (b"", 4) + b"bo")
        await asyncio.sleep(0.01)  # not to be right: in parts or not, it is one event
        client.writer.write(b"dy")
        await asyncio.sleep(0.01)
        app.may_respond.release()
        await client.response()
    assert received == [{"type": "http.request", "body": b"body", "more_body": False}]


async def test_a_client_that_expects_100_continue_gets_it_when_its_body_is_wanted() -> None:
    async with connected(echo) as client:
        client.writer.write(POST % (EXPECT, 4))
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.writer.write(b"body")
        assert json.loads(await client.response()) == ["POST", "/", "body"]
        client.writer.write(GET)
        assert json.loads(await client.response()) == ["GET", "/", ""]


async def test_100_continue_is_not_sent_for_a_body_that_is_there() -> None:
    async with connected(echo) as client:
        client.writer.write(POST % (EXPECT, 4) + b"body" + POST % (EXPECT, 0))
        assert json.loads(await client.response()) == ["POST", "/", "body"]
        assert json.loads(await client.response()) == ["POST", "/", ""]


async def test_100_continue_is_not_sent_to_a_client_of_http_1_0() -> None:
    async with connected(echo) as client:
        client.writer.write((POST % (EXPECT, 4)).replace(b"HTTP/1.1", b"HTTP/1.0"))
        await asyncio.sleep(0.01)
        client.writer.write(b"body")
        assert (await client.head()).startswith(b"HTTP/1.1 200")


async def test_a_response_without_100_continue_ends_the_connection() -> None:
    """The client may send the body or not, so the next bytes can be read in two ways."""
    async with connected(fixed(413, ((b"content-length", b"0"),))) as client:
        client.writer.write(POST % (EXPECT, 4))
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 413")
        assert b"\r\nconnection: close\r\n" in head
        client.writer.write(GET)
        assert await client.rest() == b""


@pytest.mark.parametrize("response_first", [False, True])
async def test_100_continue_is_not_sent_once_the_response_has_begun(response_first: bool) -> None:
    received: asyncio.Queue[Any] = asyncio.Queue()

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        headers = [(b"content-length", b"1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if response_first:
            await send({"type": "http.response.body", "body": b"x", "more_body": False})
        received.put_nowait(await receive())
        if not response_first:
            await send({"type": "http.response.body", "body": b"x", "more_body": False})

    async with connected(app) as client:
        client.writer.write(POST % (EXPECT, 4))
        assert (await client.head()).startswith(b"HTTP/1.1 200")
        if not response_first:
            client.writer.write(b"body")
        assert await client.rest() == b"x"
    expected = "http.disconnect" if response_first else "http.request"
    assert (await received.get())["type"] == expected


@pytest.mark.parametrize("behind", [b"", GET, POST % (b"", 4)])
async def test_an_application_is_told_that_its_client_has_left(behind: bytes) -> None:
    app = Gate()
    async with connected(app) as client:
        client.writer.write(GET + behind)
        await app.began.acquire()
        client.writer.close()
        assert await app.received.get() == {"type": "http.disconnect"}
        app.may_respond.release()
    assert len(app.paths) == 1


async def test_an_application_is_told_that_its_client_has_left_amid_the_body() -> None:
    received: asyncio.Queue[Any] = asyncio.Queue()

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        for _ in range(3):
            received.put_nowait(await receive())

    async with connected(app) as client:
        client.writer.write(POST % (b"", 4) + b"bo")
        assert await received.get() == {"type": "http.request", "body": b"bo", "more_body": True}
        client.writer.close()
        assert await received.get() == {"type": "http.disconnect"}
        assert await received.get() == {"type": "http.disconnect"}


async def test_an_application_receives_a_disconnect_after_its_response() -> None:
    app = Gate()
    async with connected(app) as client:
        client.writer.write(GET)
        app.may_respond.release()
        assert await client.response() == b"/"
        assert await app.received.get() == {"type": "http.disconnect"}


async def test_a_callback_is_called_once_when_the_client_leaves() -> None:
    app = Listener()
    async with connected(app) as client:
        client.writer.write(GET)
        await app.registered.wait()
        client.writer.close()
        await app.may_respond.wait()
    assert app.calls == 1
    app.register(app.call)
    assert app.calls == 2  # at once: the client has left already


async def test_a_callback_that_is_taken_back_is_not_called() -> None:
    app = Listener()
    async with connected(app) as client:
        client.writer.write(GET)
        await app.registered.wait()
        app.register(None)
        (connection,) = client.connections
        client.writer.transport.abort()
        await connection.closed
        app.may_respond.set()
    assert app.calls == 0


async def test_a_callback_is_not_called_after_the_response() -> None:
    app = Listener()
    app.may_respond.set()
    async with connected(app) as client:
        client.writer.write(GET)
        assert await client.response() == b"done"
    assert app.calls == 0


async def test_a_response_does_not_wait_for_the_body_and_the_connection_is_kept() -> None:
    async with connected(fixed(403, ((b"content-length", b"1"),), b"x")) as client:
        client.writer.write(POST % (b"", 8))
        assert await client.response() == b"x"
        client.writer.write(b"the body" + GET)
        assert await client.response() == b"x"


async def test_a_body_that_is_not_sent_after_its_response_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_connection, "UNREAD_BODY_TIMEOUT_S", 0.05)
    async with connected(fixed(403, ((b"content-length", b"1"),), b"x")) as client:
        client.writer.write(POST % (b"", 8) + b"the")
        assert await client.response() == b"x"
        assert await client.rest() == b""


async def test_a_body_that_is_malformed_amid_its_response_ends_the_connection() -> None:
    app = Gate()
    chunked = GET.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    async with connected(app) as client:
        client.writer.write(chunked + b"1\r\nx\r\n")
        await app.began.acquire()
        client.writer.write(b"x\r\n")
        assert await app.received.get() == {"type": "http.disconnect"}
        assert (await client.head()).startswith(b"HTTP/1.1 400")
        app.may_respond.release()
        assert b"HTTP/1.1" not in await client.rest()


@pytest.mark.parametrize(
    ("request_", "status"),
    [(GET.replace(b"GET", b"HEAD"), 200), (GET, 204), (GET, 304)],
)
async def test_a_response_without_a_body_has_none(request_: bytes, status: int) -> None:
    length = (b"content-length", b"4")
    async with connected(fixed(status, (length,), b"body")) as client:
        client.writer.write(request_ + request_)
        for _ in range(2):
            head = await client.head()
            assert head.startswith(b"HTTP/1.1 %d" % status)
            assert (b"content-length: 4" in head) == (status != 204)
            assert b"transfer-encoding" not in head


async def test_a_response_without_a_length_is_chunked() -> None:
    async with connected(fixed(200, (), b"ab", b"c" * 16)) as client:
        client.writer.write(GET)
        assert b"\r\ntransfer-encoding: chunked\r\n" in await client.head()
        body = await client.reader.readuntil(b"\r\n0\r\n\r\n")
        assert body == b"2\r\nab\r\n10\r\n%b\r\n0\r\n\r\n" % (16 * b"c")


async def test_a_response_without_a_length_to_http_1_0_ends_with_the_connection() -> None:
    async with connected(fixed(200, (), b"ab", b"c")) as client:
        client.writer.write(GET.replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert b"\r\nconnection: close\r\n" in await client.head()
        assert await client.rest() == b"abc"


async def test_an_application_can_close_the_connection() -> None:
    headers = ((b"Connection", b"Close"), (b"content-length", b"1"))
    async with connected(fixed(200, headers, b"x")) as client:
        client.writer.write(GET + GET)
        assert b"\r\nconnection: close\r\n" in await client.head()
        assert await client.rest() == b"x"


@pytest.mark.parametrize("body", [b"abc", b"abcde"])
async def test_a_body_of_another_length_than_announced_ends_the_connection(body: bytes) -> None:
    with capture_logs() as lines:
        async with connected(fixed(200, ((b"content-length", b"4"),), body)) as client:
            client.writer.write(GET + GET)
            assert (await client.head()).startswith(b"HTTP/1.1 200")
            assert b"HTTP/1.1" not in await client.rest()
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "unexpected failure"
    ]


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\rb", b"a\0b"])
async def test_a_field_that_would_end_amid_its_value_is_not_sent(value: bytes) -> None:
    with capture_logs():
        async with connected(fixed(200, ((b"a", value),))) as client:
            client.writer.write(PROBLEM + PROBLEM)
            for _ in range(2):
                assert json.loads(await client.response())["code"] == "internal_error"


async def test_an_application_that_does_not_respond_is_a_failure_and_the_connection_is_kept() -> (
    None
):
    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Respond with nothing."""

    async with connected(app) as client:
        client.writer.write(PROBLEM + PROBLEM)
        problems = [json.loads(await client.response()) for _ in range(2)]
    assert [problem["code"] for problem in problems] == 2 * ["internal_error"]
    assert len({problem["correlation_id"] for problem in problems}) == 2


async def test_a_request_is_freed_without_the_garbage_collector() -> None:
    async with connected(echo) as client:
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                client.writer.write(GET)
                await client.response()
            await client.served.drain(1)
            assert not any(isinstance(each, Exchange) for each in gc.get_objects())
        finally:
            gc.enable()


async def test_a_response_of_a_draining_server_closes_the_connection() -> None:
    app = Gate()
    async with connected(app) as client:
        client.writer.write(GET + GET)
        await app.began.acquire()
        client.served.is_draining = True
        app.may_respond.release()
        assert b"\r\nconnection: close\r\n" in await client.head()
        assert await client.rest() == b"/"


async def test_a_head_that_does_not_arrive_in_time_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_connection, "KEEP_ALIVE_S", 0.1)
    async with connected(echo) as client:
        for byte in (b"G", b"E", b"T"):
            client.writer.write(byte)
            await asyncio.sleep(0.02)
        assert await client.rest() == b""


async def test_a_connection_with_bytes_of_a_refused_request_unread_is_not_reset() -> None:
    async with connected(echo) as client:
        client.writer.write(b"\0" + 10_000_000 * b"x")
        assert (await client.head()).startswith(b"HTTP/1.1 400")
        await client.writer.drain()
        assert json.loads(await client.rest())
