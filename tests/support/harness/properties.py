"""The properties of our messages as pamqp has them."""

from datetime import UTC, datetime

from aiormq import spec
from pamqp.header import ContentHeader

from common.amqp.frames.properties import encode_properties
from common.contract.messages import Message


def properties(message: Message, message_id: str) -> spec.Basic.Properties:
    """Return the AMQP properties that a message is published with."""
    return spec.Basic.Properties(
        content_type="application/json",
        delivery_mode=2,
        message_id=message_id,
        message_type=message.type,
        correlation_id=message.correlation_id,
        reply_to=message.reply_to,
        expiration=None if message.expiration_ms is None else str(message.expiration_ms),
        timestamp=None
        if message.timestamp_s is None
        else datetime.fromtimestamp(message.timestamp_s, UTC),
        headers=message.headers or None,
    )


def published_properties(message: Message, message_id: str) -> spec.Basic.Properties:
    """Return the properties that our writer publishes a message with, as pamqp reads them."""
    header = ContentHeader()
    header.unmarshal(bytes(12) + encode_properties(message, message_id))
    return header.properties


def decoded_by_pamqp(header: bytes, body: bytes) -> Message:
    """Return the message with this content header, read by pamqp."""
    read = ContentHeader()
    read.unmarshal(header)
    found = read.properties
    expiration = found.expiration or ""
    return Message(
        type=found.message_type or "",
        body=body,
        correlation_id=found.correlation_id or "",
        reply_to=found.reply_to,
        expiration_ms=int(expiration) if expiration.isdecimal() else None,
        timestamp_s=int(found.timestamp.timestamp()) if found.timestamp else None,
        headers=found.headers or {},
    )
