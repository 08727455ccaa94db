"""The reader of requests, without I/O: whatever the bytes are, and however they are cut."""

import asyncio
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from common.http.llhttp import RequestRefused
from common.http.request_head import MAX_HEAD_BYTES, RequestHead
from common.http.request_reader import RequestReader
from tests.unit.common.http.harness.applications import echo
from tests.unit.common.http.harness.connected import connected

LINES: Final = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"0", b"a", b"5\r\n"])).map(
    b"".join
)
"""Bytes in which the ends of heads, chunks and bodies may be seen where they are not."""

Requests = list[tuple[RequestHead, bytes]]


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Draw a valid request."""
    target = draw(st.sampled_from([b"/", b"/a?b", b"http://y/c"]))
    fields = b"".join(
        b"X-%d: %b\r\n" % (number, value)
        for number, value in enumerate(draw(st.lists(st.sampled_from([b"", b"a", b" b "]))))
    )
    head = b"\r\n" * draw(st.integers(0, 2)) + b"POST %b HTTP/1.1\r\nHost: x\r\n%b" % (
        target,
        fields,
    )
    if draw(st.booleans()):
        head += b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
    bodies = draw(st.lists(LINES.filter(bool), max_size=3))
    if draw(st.booleans()):
        body = b"".join(bodies)
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    chunks = b"".join(b"%x;e=f\r\n%b\r\n" % (len(body), body) for body in bodies)
    trailer = draw(st.sampled_from([b"", b"A: b\r\nC:\r\n"]))
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailer + b"\r\n"


def read(pieces: list[bytes]) -> Requests:
    """Read bytes that arrive in pieces."""
    reader = RequestReader()
    found: Requests = []
    for piece in pieces:
        reader.feed(piece)
        while True:
            if reader.has_body_ended:
                head = reader.read_head()
                if head is None:
                    break
                found.append((head, b""))
            part = reader.read_body()
            found[-1] = (found[-1][0], found[-1][1] + part)
            if not reader.has_body_ended:
                break
    assert reader.has_body_ended
    return found


@given(st.lists(requests(), min_size=1, max_size=4), st.data())
def test_requests_are_the_same_however_their_bytes_are_cut(
    sent: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(sent)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1))))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    alone = [request for each in sent for request in read([each])]
    assert len(alone) == len(sent)
    assert read(pieces) == read([whole]) == alone


@given(st.lists(requests(), min_size=1, max_size=2))
def test_requests_are_the_same_byte_by_byte(sent: list[bytes]) -> None:
    whole = b"".join(sent)
    assert read([whole[at : at + 1] for at in range(len(whole))]) == read([whole])


def garbage() -> st.SearchStrategy[bytes]:
    """Draw bytes that are no request, or nearly one."""
    words = [b"GET", b" ", b"/", b"HTTP/1.1", b"\r\n", b"Host: x", b":", b"Content-Length: 5"]
    words += [b"Transfer-Encoding: chunked", b"Upgrade: h2c", b"Connection: upgrade", b"5", b"0"]
    words += [b"GET / HTTP/1.1\r\nHost: x\r\n", b"\r\n\r\n", b"Expect: 100-continue"]
    return st.lists(st.sampled_from(words) | st.binary(max_size=20)).map(b"".join)


@given(st.lists(garbage()))
def test_bytes_are_requests_or_refused_and_never_held_without_a_bound(pieces: list[bytes]) -> None:
    reader = RequestReader()
    for piece in pieces:
        reader.feed(piece)
        try:
            while reader.has_body_ended and reader.read_head() is not None:
                reader.read_body()
            reader.read_body()
        except RequestRefused:
            return
        assert reader.unread_bytes < MAX_HEAD_BYTES


@settings(deadline=None, max_examples=200)
@given(st.lists(garbage(), max_size=5))
def test_a_connection_ends_after_any_bytes_and_fails_after_none(pieces: list[bytes]) -> None:
    failures: list[object] = []

    async def talk() -> bytes:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: failures.append(what))
        async with connected(echo) as client:
            for piece in pieces:
                client.writer.write(piece)
                await asyncio.sleep(0)
            client.writer.write_eof()
            return await client.rest()

    answer = asyncio.run(talk())
    assert answer == b"" or answer.startswith((b"HTTP/1.1 ",))
    assert not failures
