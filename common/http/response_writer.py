"""The bytes of a response, without I/O."""

import http
import time
from functools import lru_cache
from typing import Final
from wsgiref.handlers import format_date_time

from common.http.llhttp import Fields

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

NO_BODY: Final = frozenset({204, 304})

_STATUS_LINES: Final = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode())
    for status in http.HTTPStatus
}


class ResponseMalformed(Exception):
    """A response of the application that is no valid one."""


class ResponseWriter:
    """Writes one response.

    ``keeps_alive`` tells whether another can follow on the connection, and ``left_bytes`` what is
    missing of the body; None if its length is unknown.
    """

    def __init__(self, method: str, version: str, *, keeps_alive: bool) -> None:
        self.keeps_alive = keeps_alive
        self._method = method
        self._version = version
        self._is_chunked = False
        self.left_bytes: int | None = None

    def start(self, status: int, fields: Fields) -> bytes:
        """Return the head. The framing and the connection are the server's, not the application's.

        Raises:
            ResponseMalformed: a field has bytes that would end it.
        """
        lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        length = None
        for name, value in fields:
            lowered = name.lower()
            if lowered == b"content-length":
                length = int(value)
            elif lowered == b"connection":
                self.keeps_alive &= b"close" not in value.lower()
            elif lowered != b"transfer-encoding":
                lines.append(b"%b: %b\r\n" % (name, value))
        lines += self._framing(status, length)
        lines.append(_date_line(int(time.time())))
        if not self.keeps_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        head = b"".join(lines)
        if not head.count(b"\r") == head.count(b"\n") == len(lines) or b"\0" in head:
            raise ResponseMalformed("A header field of the response has a line break.")
        return head

    def _framing(self, status: int, length: int | None) -> list[bytes]:
        """Choose how the client finds the end of the body (RFC 9112, section 6.3)."""
        self.left_bytes = length
        self._is_chunked = False
        if self._method == "HEAD" or status in NO_BODY:
            self.left_bytes = 0
        elif length is None and self._version == "1.1":
            self._is_chunked = True
            return [b"transfer-encoding: chunked\r\n"]
        elif length is None:
            self.keeps_alive = False  # the body ends with the connection
        return [] if length is None or status == 204 else [b"content-length: %d\r\n" % length]

    def body(self, data: bytes) -> bytes:
        """Return the bytes of a part of the body, which is not empty."""
        if self._is_chunked:
            return b"%x\r\n%b\r\n" % (len(data), data)
        if self.left_bytes is not None:
            self.left_bytes -= len(data)
            if self.left_bytes < 0:
                raise ResponseMalformed("The body is longer than its Content-Length.")
        return data

    def end(self) -> bytes:
        """Return the bytes after the body."""
        if self.left_bytes:
            raise ResponseMalformed("The body is shorter than its Content-Length.")
        return b"0\r\n\r\n" if self._is_chunked else b""


@lru_cache(maxsize=1)
def _date_line(now_s: int) -> bytes:
    """Return the field that RFC 9110, section 6.6.1, asks for; all else is the application's."""
    return b"date: %b\r\n" % format_date_time(now_s).encode()
