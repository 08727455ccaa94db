"""The body of a request: its parts in their order, its limit, its time, and no needless copy."""

import asyncio
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import RequestTimeout

from common.errors import BodyTooLarge, Unavailable
from gateway.web.body import BODY_TIMEOUT_S, STALL_TIMEOUT_S, RequestBody
from tests.support.fakes.loops import ManualLoop

LIMIT_BYTES: Final = 10
PART: Final = {"type": "http.request", "body": b"1", "more_body": True}
PARTS: Final = st.lists(st.binary(max_size=4), max_size=6)


def free(size_bytes: int) -> None:
    """Charge nothing."""


def body_of(parts: list[bytes], limit_bytes: int = LIMIT_BYTES) -> RequestBody:
    """Return a body that arrives in ``parts``, and then its end, as hypercorn delivers it."""
    events = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    events.append({"type": "http.request", "body": b"", "more_body": False})
    return body_from(events, limit_bytes)


def body_from(events: list[dict[str, Any]], limit_bytes: int = LIMIT_BYTES) -> RequestBody:
    """Return a body of ``events``; after them, nothing arrives."""
    remaining = iter(events)
    reading = asyncio.current_task()
    assert reading is not None

    async def receive() -> Any:
        for event in remaining:
            return event
        return await asyncio.get_running_loop().create_future()

    def cancel_reading() -> None:
        reading.cancel()

    return RequestBody(receive, cancel_reading, limit_bytes)


@given(PARTS)
async def test_a_body_is_its_parts_in_order_unless_they_exceed_the_limit(
    parts: list[bytes],
) -> None:
    whole = b"".join(parts)
    assert await body_of(parts, 100).read(None, free) == whole
    if len(whole) <= LIMIT_BYTES:
        assert await body_of(parts).read(None, free) == whole
        return
    with pytest.raises(BodyTooLarge, match="10 bytes"):
        await body_of(parts).read(None, free)


async def test_a_body_is_read_again_with_the_same_bytes() -> None:
    body = body_of([b"12", b"34"])
    assert await body.read(4, free) == await body.read(4, free) == b"1234"


async def test_a_body_that_is_announced_too_large_is_refused_before_it_arrives() -> None:
    with pytest.raises(BodyTooLarge, match="10 bytes"):
        await body_from([]).read(LIMIT_BYTES + 1, free)


async def test_a_body_that_arrives_at_once_is_not_copied() -> None:
    part = b"x" * LIMIT_BYTES
    assert await body_of([part]).read(None, free) is part


async def test_a_body_is_charged_as_it_arrives_and_refused_amid_it() -> None:
    charged: list[int] = []

    def charge(size_bytes: int) -> None:
        charged.append(size_bytes)
        if sum(charged) > 3:
            raise Unavailable("There is no room.")

    with pytest.raises(Unavailable):
        await body_of([b"12", b"", b"3", b"4", b"5"]).read(5, charge)
    assert charged == [2, 1, 1]


class SlowClient:
    """A client that sends a body byte by byte, at times that the test sets."""

    def __init__(self, loop: ManualLoop) -> None:
        self._loop = loop
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        body = RequestBody(self._sent.get, lambda: None, 100)
        self.reading = loop.create_task(body.read(None, free))
        loop.settle()

    def send(self, at_s: float, *, is_last: bool = False) -> None:
        """Send a byte."""
        self.wait(at_s)
        self._sent.put_nowait(PART | {"more_body": not is_last})
        self._loop.settle()

    def wait(self, until_s: float) -> None:
        """Send nothing until ``until_s``."""
        self._loop.now_s = until_s
        self._loop.settle()


@pytest.mark.parametrize("sent_bytes", [0, 1, 2])
def test_a_body_that_makes_no_progress_is_ended_early(
    manual_loop: ManualLoop, sent_bytes: int
) -> None:
    client = SlowClient(manual_loop)
    for number in range(sent_bytes):
        client.send(number)
    last_s = max(0, sent_bytes - 1)
    client.wait(last_s + STALL_TIMEOUT_S - 0.1)
    assert not client.reading.done()
    client.wait(last_s + STALL_TIMEOUT_S)
    assert isinstance(client.reading.exception(), RequestTimeout)


def test_a_body_that_makes_progress_has_the_whole_time_and_no_more(manual_loop: ManualLoop) -> None:
    slow, too_slow = SlowClient(manual_loop), SlowClient(manual_loop)
    pause_s = STALL_TIMEOUT_S - 0.1
    parts = int(BODY_TIMEOUT_S / pause_s)
    for number in range(1, parts + 1):
        slow.send(number * pause_s, is_last=number == parts)
        too_slow.send(number * pause_s)
    assert slow.reading.result() == b"1" * parts
    assert not too_slow.reading.done()
    too_slow.wait(BODY_TIMEOUT_S)
    assert isinstance(too_slow.reading.exception(), RequestTimeout)


async def test_the_reader_of_a_body_is_cancelled_when_its_client_disconnects() -> None:
    async def read() -> None:
        body = body_from([PART, {"type": "http.disconnect"}])
        await body.read(None, free)

    reading = asyncio.create_task(read())
    with pytest.raises(asyncio.CancelledError):
        await reading
