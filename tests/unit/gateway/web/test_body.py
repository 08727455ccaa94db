"""The body of a request: its parts in their order, its limit, its time, and no needless copy."""

import asyncio
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import RequestTimeout

from common.errors import BodyTooLarge
from gateway.web import body as body_module
from gateway.web.body import RequestBody

LIMIT_BYTES: Final = 10
PARTS: Final = st.lists(st.binary(max_size=4), max_size=6)


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
    assert await body_of(parts, 100).read(None) == whole
    if len(whole) <= LIMIT_BYTES:
        assert await body_of(parts).read(None) == whole
        return
    with pytest.raises(BodyTooLarge, match="10 bytes"):
        await body_of(parts).read(None)


async def test_a_body_is_read_again_with_the_same_bytes() -> None:
    body = body_of([b"12", b"34"])
    assert await body.read(4) == await body.read(4) == b"1234"


async def test_a_body_that_is_announced_too_large_is_refused_before_it_arrives() -> None:
    with pytest.raises(BodyTooLarge, match="10 bytes"):
        await body_from([]).read(LIMIT_BYTES + 1)


async def test_a_body_that_arrives_at_once_is_not_copied() -> None:
    part = b"x" * LIMIT_BYTES
    assert await body_of([part]).read(None) is part


async def test_a_body_that_does_not_arrive_in_time_times_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(body_module, "BODY_TIMEOUT_S", 0.01)
    with pytest.raises(RequestTimeout):
        await body_from([{"type": "http.request", "body": b"1", "more_body": True}]).read(None)


async def test_the_reader_of_a_body_is_cancelled_when_its_client_disconnects() -> None:
    async def read() -> None:
        body = body_from(
            [{"type": "http.request", "body": b"1", "more_body": True}, {"type": "http.disconnect"}]
        )
        await body.read(None)

    reading = asyncio.create_task(read())
    with pytest.raises(asyncio.CancelledError):
        await reading
