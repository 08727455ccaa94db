"""A plain aio-pika channel, for messages that our own code would not publish."""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aio_pika
from aio_pika.abc import AbstractChannel
from aiormq.abc import ChannelFrame
from pamqp import frame
from pamqp.commands import Basic

from predictmq.local.rabbitmq.broker import PrivateBroker

NO_UTF_8: Final = b"\xff"

PROPERTIES: Final = {
    "content_type": 0x8000,
    "content_encoding": 0x4000,
    "headers": 0x2000,
    "delivery_mode": 0x1000,
    "priority": 0x0800,
    "correlation_id": 0x0400,
    "reply_to": 0x0200,
    "expiration": 0x0100,
    "message_id": 0x0080,
    "timestamp": 0x0040,
    "type": 0x0020,
    "user_id": 0x0010,
    "app_id": 0x0008,
    "cluster_id": 0x0004,
}
"""The properties of a message and their flags, in the order of the wire (AMQP, 4.2.6.1)."""

WHOLE: Final = ("headers", "delivery_mode", "priority", "timestamp")
"""The properties that are no short strings: their bytes are sent as they are."""


@asynccontextmanager
async def raw_channel(
    broker: PrivateBroker, vhost: str, *, confirms: bool = True
) -> AsyncIterator[AbstractChannel]:
    """Open a channel in ``vhost``, with confirms or not; close its connection with the context."""
    connection = await aio_pika.connect(
        host=broker.host,
        port=broker.port,
        login=broker.user,
        password=broker.password,
        virtualhost=vhost,
    )
    async with connection:
        yield await connection.channel(publisher_confirms=confirms)


def table(*fields: tuple[bytes, bytes]) -> bytes:
    """Encode a field table; each field is a key, and a value with its type before it."""
    encoded = b"".join(bytes((len(key),)) + key + value for key, value in fields)
    return struct.pack(">I", len(encoded)) + encoded


def long_string(text: bytes) -> bytes:
    """Encode a string as the value of a field, whatever its bytes."""
    return b"S" + struct.pack(">I", len(text)) + text


async def publish_bytes(
    channel: AbstractChannel,
    routing_key: str,
    properties: dict[str, bytes],
    body: bytes = b"",
    *,
    exchange: str = "",
    frame_bytes: int = 100_000,
) -> None:
    """Publish a message with these bytes as its properties, and its body in frames of this size.

    Short strings get their length; all other properties are sent as they are. Returns when the
    broker has read the message.

    Raises:
        AMQPError: the broker has closed the channel or the connection: it does not take this.
    """
    underlay = await channel.get_underlay_channel()
    number = underlay.number
    flags, encoded = 0, b""
    for name, flag in PROPERTIES.items():
        if name in properties:
            value = properties[name]
            flags |= flag
            encoded += value if name in WHOLE else bytes((len(value),)) + value
    method = Basic.Publish(exchange=exchange, routing_key=routing_key)
    head = struct.pack(">HHQH", 60, 0, len(body), flags) + encoded
    pieces = [body[at : at + frame_bytes] for at in range(0, len(body), frame_bytes)]
    payload = frame.marshal(method, number) + b"".join(
        struct.pack(">BHI", kind, number, len(piece)) + piece + b"\xce"
        for kind, piece in [(2, head), *((3, piece) for piece in pieces)]
    )
    await underlay.connection.write_queue.put(ChannelFrame(payload, should_close=False))
    await underlay.basic_qos(prefetch_count=1)  # answered after what was sent before it


async def publish_unreadable(raw: AbstractChannel, queue: str) -> None:
    """Publish a message whose correlation id is the byte ff, which no library lets pass."""
    await publish_bytes(raw, queue, {"correlation_id": NO_UTF_8})
