"""The requests in the bytes of a connection, without I/O: bytes in, heads and bodies out.

llhttp cannot be stopped at the end of a request, so it is given a head alone, or one piece of a
chunked body, neither of which has bytes of the next request in it. A body of known length is
counted, and passed on as it came.
"""

from typing import Final

import httptools

from common.http.llhttp import ParserEvents, RequestRefused, feed
from common.http.request_head import MAX_HEAD_BYTES, RequestHead, parse_head

END: Final = b"\r\n\r\n"
"""The last bytes of each head, and of each chunked body."""


class RequestReader:
    """Reads one request after the other: its head, then its body until ``has_body_ended``."""

    def __init__(self) -> None:
        self._unread = b""
        self._left_bytes = 0
        self._chunks: _ChunkedBody | None = None

    def feed(self, data: bytes) -> None:
        """Add bytes that have arrived."""
        self._unread = self._unread + data if self._unread else data

    @property
    def unread_bytes(self) -> int:
        """The number of bytes that were not read yet, most of them of later requests."""
        return len(self._unread)

    @property
    def has_body_ended(self) -> bool:
        """True where the next head begins."""
        return not self._left_bytes if self._chunks is None else self._chunks.has_ended

    def read_head(self) -> RequestHead | None:
        """Return the head of the next request; None if it has not arrived whole.

        Raises:
            RequestRefused: the bytes are no valid request.
        """
        blank_lines = (len(self._unread) - len(self._unread.lstrip(b"\r\n"))) // 2
        if self._unread.startswith(blank_lines * b"\r\n"):  # RFC 9112, section 2.2
            self._unread = self._unread[2 * blank_lines :]
        end = self._unread.find(END, 0, MAX_HEAD_BYTES) + len(END)
        if end < len(END):
            return parse_head(self._unread[:MAX_HEAD_BYTES]) if self._unread else None
        head, self._unread = parse_head(self._unread[:end]), self._unread[end:]
        if head is None:
            raise RequestRefused(400, "The head of the request is malformed.")
        self._chunks = _ChunkedBody() if head.content_length is None else None
        self._left_bytes = head.content_length or 0
        return head

    def read_body(self) -> bytes:
        """Return what has arrived of the body and was not returned before.

        Raises:
            RequestRefused: the chunks are malformed.
        """
        if self._chunks is not None:
            part, length = self._chunks.read(self._unread)
        else:
            length = min(self._left_bytes, len(self._unread))
            self._left_bytes -= length
            part = self._unread[:length]
        self._unread = self._unread[length:]
        return part


class _ChunkedBody:
    """A chunked body, which llhttp reads after a head of ours. Its trailer is dropped."""

    def __init__(self) -> None:
        self._events = ParserEvents()
        self._parser = httptools.HttpRequestParser(self._events)
        feed(self._parser, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        self._excess_bytes = 0

    @property
    def has_ended(self) -> bool:
        """True after the trailer."""
        return self._events.has_body_ended

    def read(self, data: bytes) -> tuple[bytes, int]:
        """Return a part of the body, and the number of bytes that were read for it.

        Bytes that may be the beginning of ``END`` are left for the next time.
        """
        begin = 0
        while not self.has_ended:
            end = data.find(END, begin) + len(END)
            if end < len(END):
                end = len(data) - next(n for n in (3, 2, 1, 0) if data.endswith(END[:n]))
            if end <= begin:
                break
            feed(self._parser, data[begin:end])
            begin = end
        return self._take_data(begin), begin

    def _take_data(self, length: int) -> bytes:
        data = b"".join(self._events.parts)
        self._events.parts = []
        # What is no body is bounded: extensions and trailers, but not the sizes of tiny chunks.
        self._excess_bytes = max(0, self._excess_bytes + length - 9 * len(data))
        if self._excess_bytes > MAX_HEAD_BYTES:
            raise RequestRefused(431, "The chunked body has too much beside its data.")
        return data
