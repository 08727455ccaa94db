"""A plain aio-pika channel, for messages that our own code would not publish."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aio_pika
from aio_pika.abc import AbstractChannel
from aiormq.abc import ChannelFrame
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from predictmq.local.rabbitmq.broker import PrivateBroker

NO_UTF_8: Final = b"\xff"


@asynccontextmanager
async def raw_channel(broker: PrivateBroker, vhost: str) -> AsyncIterator[AbstractChannel]:
    """Open a channel in ``vhost``; close its connection with the context."""
    connection = await aio_pika.connect(
        host=broker.host,
        port=broker.port,
        login=broker.user,
        password=broker.password,
        virtualhost=vhost,
    )
    async with connection:
        yield await connection.channel()


async def publish_unreadable(raw: AbstractChannel, queue: str) -> None:
    """Publish a message whose correlation id is the byte ff, which no library lets pass."""
    channel = await raw.get_underlay_channel()
    header = ContentHeader(properties=Basic.Properties(correlation_id="?"), body_size=0)
    frames = ChannelFrame.marshall(
        channel.number, [Basic.Publish(exchange="", routing_key=queue), header]
    )
    payload = frames.payload.replace(b"\x01?", b"\x01" + NO_UTF_8)
    assert NO_UTF_8 in payload
    await channel.connection.write_queue.put(ChannelFrame(payload, should_close=False))
    await raw.declare_queue(queue, passive=True)  # behind it, so it has been published
