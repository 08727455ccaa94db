"""The frames that are sent often (AMQP, 4.2), as bytes: publishes and acknowledgements. No I/O.

Frames are lists of parts, which leave one after the other: a large body is not copied.
"""

import struct
from functools import lru_cache
from typing import Final

from common.amqp.frames.properties import encode_properties, short_string
from common.contract.messages import Message

Part = bytes | memoryview

_END: Final = b"\xce"
_BASIC: Final = 60
_PUBLISH: Final = 40
_ACK: Final = 80
_REJECT: Final = 90
_NACK: Final = 120

_METHODS_KEPT: Final = 1024
"""The publish methods kept: each gateway has a reply queue of its own."""

_frame_head = struct.Struct(">BHI").pack
_method_head = struct.Struct(">HHH").pack  # class, method; a ticket that nobody uses
_content_head = struct.Struct(">BHIHHQ").pack  # its frame's head; class, weight, size of the body
_settlement = struct.Struct(">BHIHHQBB").pack  # its frame's head; class, method, tag, bits; the end


def encode_publish(  # noqa: PLR0913, PLR0917 - the fields of a publish
    channel: int,
    exchange: str,
    routing_key: str,
    message: Message,
    message_id: str,
    max_body_bytes: int,
) -> list[Part]:
    """Return the frames of a publish: method, header, and the body in parts.

    A part has at most ``max_body_bytes``; 0 or less means no limit. On the default exchange the
    publish is mandatory: the broker returns it if there is no queue named ``routing_key``.

    Raises:
        ValueError, TypeError: a string is longer than 255 bytes, or a header cannot be encoded.
    """
    properties = encode_properties(message, message_id)
    body, size = message.body, len(message.body)
    method = _publish_method(channel, exchange, routing_key)
    head = _content_head(2, channel, 12 + len(properties), _BASIC, 0, size)
    if not size:
        return [b"".join((method, head, properties, _END))]
    if size <= max_body_bytes or max_body_bytes <= 0:
        body_head = _frame_head(3, channel, size)
        return [b"".join((method, head, properties, _END, body_head, body, _END))]
    parts: list[Part] = [method, head, properties, _END]
    view = memoryview(body)
    for start in range(0, size, max_body_bytes):
        piece = view[start : start + max_body_bytes]
        parts += (_frame_head(3, channel, len(piece)), piece, _END)
    return parts


@lru_cache(_METHODS_KEPT)
def _publish_method(channel: int, exchange: str, routing_key: str) -> bytes:
    mandatory = b"\x00" if exchange else b"\x01"
    method = b"".join(
        (
            _method_head(_BASIC, _PUBLISH, 0),
            short_string(exchange),
            short_string(routing_key),
            mandatory,
        )
    )
    return _frame_head(1, channel, len(method)) + method + _END


def encode_ack(channel: int, tag: int, *, multiple: bool = False) -> bytes:
    """Return the frame that acknowledges a delivery, or with ``multiple`` all up to it."""
    return _settlement(1, channel, 13, _BASIC, _ACK, tag, multiple, 0xCE)


def encode_requeue(channel: int, tag: int) -> bytes:
    """Return the frame of a ``basic.nack`` that requeues a delivery."""
    return _settlement(1, channel, 13, _BASIC, _NACK, tag, 0b10, 0xCE)


def encode_reject(channel: int, tag: int) -> bytes:
    """Return the frame of a ``basic.reject`` without requeueing."""
    return _settlement(1, channel, 13, _BASIC, _REJECT, tag, 0, 0xCE)
