"""A plain aio-pika channel, for messages that our own code would not publish."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
from aio_pika.abc import AbstractChannel

from predictmq.local.rabbitmq.broker import PrivateBroker


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
