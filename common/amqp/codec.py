"""The codec between messages of the contract and AMQP frames. No I/O."""

from datetime import UTC, datetime
from typing import Final

from aiormq import spec
from aiormq.abc import DeliveredMessage
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from common.contract.messages import Message

PERSISTENT: Final = 2


def encode_publish(
    message: Message, message_id: str, routing_key: str, exchange: str, max_body_bytes: int
) -> list[Frame | ContentHeader | ContentBody]:
    """Return the frames of a publish: method, header, and the body in parts (AMQP, 2.3.5.2).

    A part has at most ``max_body_bytes``; 0 or less means no limit. On the default exchange the
    publish is mandatory: the broker returns it if there is no queue named ``routing_key``.
    """
    body = message.body
    step = max_body_bytes if max_body_bytes > 0 else max(1, len(body))
    return [
        spec.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=not exchange),
        ContentHeader(properties=properties(message, message_id), body_size=len(body)),
        *(ContentBody(body[start : start + step]) for start in range(0, len(body), step)),
    ]


def properties(message: Message, message_id: str) -> spec.Basic.Properties:
    """Return the AMQP properties that a message is published with."""
    return spec.Basic.Properties(
        content_type="application/json",
        delivery_mode=PERSISTENT,
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


def decode_delivery(raw: DeliveredMessage) -> Message:
    """Return a delivered message as one of the contract."""
    properties = raw.header.properties
    expiration = properties.expiration or ""
    return Message(
        type=properties.message_type or "",
        body=raw.body,
        correlation_id=properties.correlation_id or "",
        reply_to=properties.reply_to,
        expiration_ms=int(expiration) if expiration.isdecimal() else None,
        timestamp_s=int(properties.timestamp.timestamp()) if properties.timestamp else None,
        headers=properties.headers or {},
    )
