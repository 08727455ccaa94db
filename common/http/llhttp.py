"""The parser llhttp: the events that it finds in bytes, and its refusals as ours."""

import re
from typing import Final

import httptools

Fields = list[tuple[bytes, bytes]]

METHOD: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
MAX_FIELDS: Final = 100

CODES: Final = {
    400: "bad_request",
    414: "uri_too_long",
    431: "request_header_fields_too_large",
    501: "not_implemented",
    505: "http_version_not_supported",
}


class RequestRefused(Exception):
    """A request that gets an error, and whose connection is closed; ``fields`` are those it has."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = CODES[status]
        self.sentence = sentence
        self.method = ""
        self.fields: Fields = []


class ParserEvents:
    """The events that llhttp has found so far."""

    def __init__(self) -> None:
        self.fields: Fields = []
        self.has_head_ended = False
        self.parts: list[bytes] = []
        self.has_body_ended = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field, whose value may end with white space."""
        if len(self.fields) == MAX_FIELDS:
            raise RequestRefused(431, "The request has too many header fields.")
        self.fields.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Take the end of the head."""
        self.has_head_ended = True

    def on_body(self, data: bytes) -> None:
        """Take a part of the body."""
        self.parts.append(data)

    def on_message_complete(self) -> None:
        """Take the end of the body."""
        self.has_body_ended = True


def feed(parser: httptools.HttpRequestParser, data: bytes) -> None:
    """Have llhttp read bytes.

    Raises:
        RequestRefused: they are malformed, or the method is unknown.
    """
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass  # raised at the end of a head; a server may ignore it (RFC 9110, section 7.8)
    except httptools.HttpParserInvalidMethodError as exc:
        is_token = re.fullmatch(METHOD, data.partition(b" ")[0])
        raise RequestRefused(501 if is_token else 400, "The method is unknown.") from exc
    except httptools.HttpParserError as exc:
        if isinstance(exc.__context__, RequestRefused):  # raised by the events
            raise exc.__context__ from None
        raise RequestRefused(400, f"The request is malformed: {exc}.") from exc
