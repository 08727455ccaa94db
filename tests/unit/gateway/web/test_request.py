"""The body of a request: its parts in their order, its limit, and no needless copy."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import RequestEntityTooLarge

from gateway.web.request import TimedBody

LIMIT_BYTES: Final = 10
PARTS: Final = st.lists(st.binary(max_size=4), max_size=6)


def body_of(parts: list[bytes], limit_bytes: int | None = LIMIT_BYTES) -> TimedBody:
    body = TimedBody(None, limit_bytes)
    for part in parts:
        body.append(part)
    body.set_complete()
    return body


@given(PARTS)
async def test_a_body_is_its_parts_in_order_unless_they_exceed_the_limit(
    parts: list[bytes],
) -> None:
    whole = b"".join(parts)
    assert await body_of(parts, None).read() == whole
    if len(whole) <= LIMIT_BYTES:
        assert await body_of(parts).read() == whole
        return
    with pytest.raises(RequestEntityTooLarge):
        await body_of(parts).read()


async def test_a_body_is_read_again_with_the_same_bytes() -> None:
    body = body_of([b"12", b"34"])
    assert await body.read() == await body.read() == b"1234"


async def test_a_body_that_is_announced_too_large_is_refused_before_it_arrives() -> None:
    with pytest.raises(RequestEntityTooLarge):
        await TimedBody(LIMIT_BYTES + 1, LIMIT_BYTES).read()


async def test_a_body_that_arrives_at_once_is_not_copied() -> None:
    part = b"x" * LIMIT_BYTES
    assert await body_of([part]).read() is part
