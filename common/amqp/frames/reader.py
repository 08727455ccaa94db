"""The reader of the frames that come often (AMQP, 4.2): bytes in, events out. No I/O.

Deliveries, returned messages and confirms become events here; the bytes of all other frames are
passed on unchanged and in order to aiormq, which logs in, declares, consumes and closes.

A message is a method frame, a header frame and body frames, on one channel without another frame of
that channel in between; frames of other channels may come in between.
"""

import struct
from collections.abc import Container
from typing import Final

import msgspec

from common.amqp.frames.events import (
    Confirmed,
    Delivered,
    Event,
    PassedOn,
    Returned,
    Unreadable,
)
from common.amqp.frames.properties import UNREADABLE, decode_message, find_stream_offset

_METHOD: Final = 1
_HEADER: Final = 2
_KINDS: Final = (_METHOD, _HEADER, 3, 8)  # body and heartbeat are the others
_FRAME_END: Final = 0xCE
_HEAD_BYTES: Final = 7

_DELIVER: Final = b"\x00\x3c\x00\x3c"  # class 60, method 60
_RETURN: Final = b"\x00\x3c\x00\x32"
_ACK: Final = b"\x00\x3c\x00\x50"
_NACK: Final = b"\x00\x3c\x00\x78"
_CONFIRM_BYTES: Final = 13

_frame_head = struct.Struct(">BHI").unpack_from
_tag = struct.Struct(">Q").unpack_from
_content_head = struct.Struct(">4xQH").unpack_from
_CONTENT_HEAD_BYTES: Final = 14


class _Content(msgspec.Struct, gc=False):
    """A message of which not all frames have come; ``consumer_tag`` is None if it is returned."""

    consumer_tag: bytes | None
    delivery_tag: int
    flags: int = 0
    properties: bytes = b""
    body: list[bytes] = []
    missing_bytes: int = -1
    """The bytes of the body that have not come; negative before the header."""


_TAKEN: Final = PassedOn(b"")
"""A frame that is no event by itself."""


class FrameReader:
    """The reader of one connection.

    It takes the frames of the channels in ``consumer_tags``, of their deliveries only those with a
    tag in there. After bytes that are no AMQP everything is passed on: aiormq ends the connection.
    """

    def __init__(self) -> None:
        self.consumer_tags: dict[int, Container[bytes]] = {}
        self._contents: dict[int, _Content | None] = {}  # None: the rest of the message is skipped
        self._incomplete: list[bytes] = []
        self._missing_bytes = 0  # of the frame that has come in part; less if its size has not
        self._is_amqp = True

    def close_channel(self, channel: int) -> None:
        """Forget a channel, and the message that has come in part on it."""
        self.consumer_tags.pop(channel, None)
        self._contents.pop(channel, None)

    def feed(self, data: bytes) -> list[Event]:
        """Read the next bytes of the connection; return the events that are complete by them.

        No bytes raise. A byte is copied three times at most, however small the pieces come.
        """
        if self._incomplete:
            self._incomplete.append(data)
            self._missing_bytes -= len(data)
            if self._missing_bytes > 0:
                return []
            data, self._incomplete = b"".join(self._incomplete), []
        return self._read(data) if self._is_amqp else [PassedOn(data)]

    def _read(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        passed = at = 0  # what lies between them is to be passed on
        while end := self._frame_end(data, at):
            event = self._take(data, at, end)
            if event is not None:
                if passed < at:
                    events.append(PassedOn(data[passed:at]))
                if event is not _TAKEN:
                    events.append(event)
                passed = end + 1
            at = end + 1
        rest = at if self._is_amqp else len(data)
        if passed < rest:
            events.append(PassedOn(data[passed:rest]))
        if rest < len(data):
            self._incomplete = [data[rest:]]
        return events

    def _frame_end(self, data: bytes, at: int) -> int:
        """Return the place of the last octet of the frame at ``at``; 0 if it has not come."""
        end = at + _HEAD_BYTES
        if end < len(data):
            kind, _, size = _frame_head(data, at)
            end += size
            if kind not in _KINDS or (end < len(data) and data[end] != _FRAME_END):
                self._is_amqp = False
                return 0
        self._missing_bytes = end + 1 - len(data)
        return end if self._missing_bytes <= 0 else 0

    def _take(self, data: bytes, at: int, end: int) -> Event | None:
        """Return the event of a frame, ``_TAKEN`` if it has none, None if it is passed on."""
        kind, channel, size = _frame_head(data, at)
        at += _HEAD_BYTES
        if kind == _METHOD:
            return self._take_method(channel, data, at, end)
        if channel not in self._contents:
            return None
        content = self._contents[channel]
        if content is None:
            return _TAKEN
        if kind == _HEADER:
            if size < _CONTENT_HEAD_BYTES or content.missing_bytes >= 0:
                return self._give_up(channel, content, "a header frame does not fit")
            content.missing_bytes, content.flags = _content_head(data, at)
            content.properties = data[at + _CONTENT_HEAD_BYTES : end]
        else:
            if size > content.missing_bytes:
                return self._give_up(channel, content, "a body frame does not fit")
            content.missing_bytes -= size
            content.body.append(data[at:end])
        return _TAKEN if content.missing_bytes else self._complete(channel, content)

    def _take_method(self, channel: int, data: bytes, at: int, end: int) -> Event | None:
        consumer_tags = self.consumer_tags.get(channel)
        if consumer_tags is None:
            return None
        self._contents.pop(channel, None)  # no method comes amid a message: it is given up
        method = data[at : at + 4]
        if method == _DELIVER:
            tag_end = at + 5 + data[at + 4]
            consumer_tag = data[at + 5 : tag_end]
            if consumer_tag not in consumer_tags or tag_end + 8 > end:
                return None
            self._contents[channel] = _Content(consumer_tag, _tag(data, tag_end)[0])
            return _TAKEN
        if method in (_ACK, _NACK) and end - at == _CONFIRM_BYTES:
            multiple = bool(data[at + 12] & 1)
            return Confirmed(channel, _tag(data, at + 4)[0], multiple, method == _ACK)
        if method == _RETURN:
            self._contents[channel] = _Content(None, 0)
            return _TAKEN
        return None

    def _complete(self, channel: int, content: _Content) -> Event:
        del self._contents[channel]
        body = content.body[0] if len(content.body) == 1 else b"".join(content.body)
        consumer_tag, delivery_tag = content.consumer_tag, content.delivery_tag
        try:
            message, message_id = decode_message(content.flags, content.properties, body)
        except UNREADABLE as exc:
            offset = find_stream_offset(content.flags, content.properties)
            return Unreadable(channel, consumer_tag, delivery_tag, str(exc), offset)
        if consumer_tag is None:
            return Returned(channel, message_id)
        return Delivered(channel, consumer_tag, delivery_tag, message, message_id)

    def _give_up(self, channel: int, content: _Content, reason: str) -> Event:
        self._contents[channel] = None
        return Unreadable(channel, content.consumer_tag, content.delivery_tag, reason)
