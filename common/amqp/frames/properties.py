"""The properties of a message on the wire (AMQP, 4.2.6.1), to our ``Message`` and back. No I/O.

Only the properties that the contract uses are read; the others are skipped, whatever they hold.
"""

import struct
from typing import Any, Final

from pamqp import encode

from common.amqp.frames.field_table import find_long, read_table, read_timestamp_s
from common.contract.messages import Message

_CONTENT_TYPE: Final = 0x8000
_CONTENT_ENCODING: Final = 0x4000
_HEADERS: Final = 0x2000
_DELIVERY_MODE: Final = 0x1000
_PRIORITY: Final = 0x0800
_CORRELATION_ID: Final = 0x0400
_REPLY_TO: Final = 0x0200
_EXPIRATION: Final = 0x0100
_MESSAGE_ID: Final = 0x0080
_TIMESTAMP: Final = 0x0040
_TYPE: Final = 0x0020
_OTHERS: Final = (0x0010, 0x0008, 0x0004)  # user id, app id, cluster id
_UNKNOWN: Final = 0x0003

_JSON: Final = b"\x10application/json"
_PERSISTENT: Final = b"\x02"

_flags = struct.Struct(">H").pack
_timestamp = struct.Struct(">Q").pack

UNREADABLE: Final = (ValueError, IndexError, OverflowError, OSError, struct.error)
"""The exceptions of ``decode_message``."""


def decode_message(flags: int, data: bytes, body: bytes) -> tuple[Message, str]:  # noqa: C901, PLR0912 - one branch for each property, in the order of the wire
    """Return the message with these properties and this body, and its message id.

    An absent property is an empty string or None. An expiration that is no number counts as absent;
    a timestamp may be any number.

    Raises:
        UNREADABLE: a string is no UTF-8, the headers cannot be read, or a length does not fit.
    """
    at = 0
    type_ = correlation_id = message_id = expiration = ""
    reply_to = timestamp_s = None
    headers: dict[str, Any] = {}
    if flags & _CONTENT_TYPE:
        at += 1 + data[at]
    if flags & _CONTENT_ENCODING:
        at += 1 + data[at]
    if flags & _HEADERS:
        headers, at = read_table(data, at)
    if flags & _DELIVERY_MODE:
        at += 1
    if flags & _PRIORITY:
        at += 1
    if flags & _CORRELATION_ID:
        correlation_id, at = _read_string(data, at)
    if flags & _REPLY_TO:
        reply_to, at = _read_string(data, at)
    if flags & _EXPIRATION:
        expiration, at = _read_string(data, at)
    if flags & _MESSAGE_ID:
        message_id, at = _read_string(data, at)
    if flags & _TIMESTAMP:
        timestamp_s, at = int(read_timestamp_s(data, at)), at + 8
    if flags & _TYPE:
        type_, at = _read_string(data, at)
    for other in _OTHERS:
        if flags & other:
            at += 1 + data[at]
    if at != len(data) or flags & _UNKNOWN:
        raise ValueError("the properties do not fill their frame")
    message = Message(
        type=type_,
        body=body,
        correlation_id=correlation_id,
        reply_to=reply_to,
        expiration_ms=int(expiration) if expiration.isdecimal() else None,
        timestamp_s=timestamp_s,
        headers=headers,
    )
    return message, message_id


def find_stream_offset(flags: int, data: bytes) -> int | None:
    """Return the offset that a stream's message has in its headers, also if it is unreadable.

    RabbitMQ sets that header itself, in place of one that was published.
    """
    at = 0
    try:
        for before in (_CONTENT_TYPE, _CONTENT_ENCODING):
            if flags & before:
                at += 1 + data[at]
        return find_long(data, at, b"x-stream-offset") if flags & _HEADERS else None
    except UNREADABLE:
        return None


def _read_string(data: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + data[at]
    return data[at + 1 : end].decode(), end


def encode_properties(message: Message, message_id: str) -> bytes:
    """Return the flags and properties that a message is published with.

    An empty string counts as absent.

    Raises:
        ValueError, TypeError: a string is longer than 255 bytes, or a header cannot be encoded.
    """
    flags = _CONTENT_TYPE | _DELIVERY_MODE
    parts = [b"", _JSON]
    if message.headers:
        flags |= _HEADERS
        parts.append(encode.field_table(message.headers))
    parts.append(_PERSISTENT)
    if message.correlation_id:
        flags |= _CORRELATION_ID
        parts.append(short_string(message.correlation_id))
    if message.reply_to:
        flags |= _REPLY_TO
        parts.append(short_string(message.reply_to))
    if message.expiration_ms is not None:
        flags |= _EXPIRATION
        parts.append(short_string(str(message.expiration_ms)))
    if message_id:
        flags |= _MESSAGE_ID
        parts.append(short_string(message_id))
    if message.timestamp_s is not None:
        flags |= _TIMESTAMP
        parts.append(_timestamp(message.timestamp_s))
    if message.type:
        flags |= _TYPE
        parts.append(short_string(message.type))
    parts[0] = _flags(flags)
    return b"".join(parts)


def short_string(text: str) -> bytes:
    """Return a string of at most 255 bytes with its length before it."""
    encoded = text.encode()
    return bytes((len(encoded),)) + encoded
