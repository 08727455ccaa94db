"""The head of a request: read by llhttp, and checked here where llhttp is lenient.

RFC 9112 lets a recipient repair some malformed requests. None is repaired here: a request that two
recipients read in two ways is what request smuggling is made of.
"""

import re
from contextlib import suppress
from typing import Final, NamedTuple

import httptools

from common.http.llhttp import METHOD, Fields, ParserEvents, RequestRefused, feed

MAX_HEAD_BYTES: Final = 2**14
MAX_LINE_BYTES: Final = 8192
"""The length of a request line; RFC 9112, section 3, asks for at least 8000."""

_REQUEST_LINE: Final = re.compile(rb"(%b) ([!-~]+) HTTP/([0-9]\.[0-9])\r\n" % METHOD)
_ORIGIN_FORM: Final = re.compile(rb"/[^#]*")
_HOST: Final = rb"(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(?::[0-9]*)?"
_ABSOLUTE_FORM: Final = re.compile(
    rb"https?://(?![:/?])" + _HOST + rb"(/[^?#]*)?(\?[^#]*)?", re.IGNORECASE
)
_is_host = re.compile(_HOST).fullmatch


class RequestHead(NamedTuple):
    """The head of a valid request; names of fields are in lower case."""

    method: str
    target: bytes
    version: str
    fields: Fields
    content_length: int | None  # None if the body is chunked
    keeps_alive: bool
    expects_continue: bool


def parse_head(data: bytes) -> RequestHead | None:
    """Parse a head up to its empty line; returns None for bytes that may become a head.

    Raises:
        RequestRefused: it is malformed, too large, or beyond what this server speaks.
    """
    events = ParserEvents()
    try:
        return _parse(data, events)
    except RequestRefused as refusal:
        line = _REQUEST_LINE.match(data)
        refusal.method = line[1][:20].decode() if line else ""
        refusal.fields = events.fields
        raise


def _parse(data: bytes, events: ParserEvents) -> RequestHead | None:
    parser = httptools.HttpRequestParser(events)
    has_line = data.find(b"\r\n", 0, MAX_LINE_BYTES) >= 0
    method, target, version = _parse_request_line(data) if has_line else ("", b"", "1.1")
    if version not in ("1.1", "1.0"):
        with suppress(RequestRefused):
            feed(parser, data)  # for the media type that is accepted
        raise RequestRefused(505, "This server speaks HTTP/1.1 only.")
    feed(parser, data)
    if not has_line and len(data) >= MAX_LINE_BYTES:
        raise RequestRefused(414, "The target of the request is too long.")
    if events.has_head_ended:
        return _check(method, target, version, events.fields)
    if len(data) >= MAX_HEAD_BYTES:
        raise RequestRefused(431, "The head of the request is too large.")
    return None


def _parse_request_line(data: bytes) -> tuple[str, bytes, str]:
    """Return method, target and version.

    llhttp accepts more spaces around them, other protocols, and the requests of HTTP/0.9.
    """
    line = _REQUEST_LINE.match(data)
    if line is None:
        raise RequestRefused(400, "The request line is malformed.")
    method, target, version = line.groups()
    return method.decode(), target, version.decode()


def _check(method: str, target: bytes, version: str, fields: Fields) -> RequestHead:
    by_name = dict(fields)
    if version == "1.1" or b"host" in by_name:
        hosts = [value for name, value in fields if name == b"host"]
        if len(hosts) != 1 or not _is_host(hosts[0]):  # RFC 9112, section 3.2
            raise RequestRefused(400, "The request has no Host, several, or a malformed one.")
    is_chunked = b"transfer-encoding" in by_name
    if is_chunked:
        _check_transfer_encoding(version, fields)
    return RequestHead(
        method=method,
        target=_origin_form(method, target),
        version=version,
        fields=fields,
        # llhttp refuses several lengths, one that is no number, and one beside a coding.
        content_length=None if is_chunked else int(by_name.get(b"content-length", 0)),
        keeps_alive=version == "1.1" and not (b"connection" in by_name and _asks_to_close(fields)),
        expects_continue=version == "1.1"
        and by_name.get(b"expect", b"").lower() == b"100-continue",
    )


def _check_transfer_encoding(version: str, fields: Fields) -> None:
    """Refuse all that is not ``chunked`` alone (RFC 9112, section 6.1)."""
    if version == "1.0":
        raise RequestRefused(400, "A request of HTTP/1.0 has no Transfer-Encoding.")
    if [value.lower() for name, value in fields if name == b"transfer-encoding"] != [b"chunked"]:
        raise RequestRefused(501, "The only Transfer-Encoding is chunked.")


def _asks_to_close(fields: Fields) -> bool:
    options = b",".join(value for name, value in fields if name == b"connection")
    return any(option.strip().lower() == b"close" for option in options.split(b","))


def _origin_form(method: str, target: bytes) -> bytes:
    """Return the path and query of a target (RFC 9112, section 3.2)."""
    if _ORIGIN_FORM.fullmatch(target) or (target == b"*" and method == "OPTIONS"):
        return target
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute is None:
        raise RequestRefused(400, "The request names no path that begins with a slash.")
    path, query = absolute.groups(b"")
    if method == "OPTIONS" and not path + query:  # as a proxy would send it (section 3.2.4)
        return b"*"
    return (path or b"/") + query
