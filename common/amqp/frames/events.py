"""The events that ``FrameReader`` returns. No I/O."""

import msgspec

from common.contract.messages import Message


class Delivered(msgspec.Struct, frozen=True, gc=False):
    """A message for a consumer."""

    channel: int
    consumer_tag: bytes
    delivery_tag: int
    message: Message
    message_id: str


class Unreadable(msgspec.Struct, frozen=True, gc=False):
    """A message for a consumer that cannot be read, and the reason.

    ``consumer_tag`` is None if it is one of our own that was returned, which makes it a defect.
    """

    channel: int
    consumer_tag: bytes | None
    delivery_tag: int
    reason: str
    offset: int | None = None
    """The offset in its stream, if it is from one and that could be read."""


class Returned(msgspec.Struct, frozen=True, gc=False):
    """A mandatory message that no queue was there for."""

    channel: int
    message_id: str


class Confirmed(msgspec.Struct, frozen=True, gc=False):
    """The broker has taken a publish, or refused it; with ``multiple``, all up to it."""

    channel: int
    delivery_tag: int
    multiple: bool
    is_taken: bool


class PassedOn(msgspec.Struct, frozen=True, gc=False):
    """Whole frames of other kinds, as they came."""

    frames: bytes


Event = Delivered | Unreadable | Returned | Confirmed | PassedOn
