"""The limit of the AMQP side: a client that is nothing but aiormq."""

import asyncio
import os
from typing import Final
from uuid import uuid4

import aiormq
import uvloop
from aiormq import spec
from aiormq.abc import DeliveredMessage

from tests.benchmarks.limits.calling import BODY, keep_calling

QUEUE: Final = os.environ["BENCH_QUEUE"]


async def main() -> None:
    """Publish with a confirm, await the reply that has the correlation id."""
    connection = await aiormq.connect(os.environ["BENCH_AMQP_URL"])
    channel = await connection.channel()
    assert isinstance(channel, aiormq.Channel)  # has ``wait``, unlike its base
    waiting: dict[str, asyncio.Future[bytes]] = {}
    declared = await channel.queue_declare(exclusive=True, auto_delete=True)

    async def on_reply(reply: DeliveredMessage) -> None:
        waiting.pop(str(reply.header.properties.correlation_id)).set_result(reply.body)

    await channel.basic_consume(str(declared.queue), on_reply, no_ack=True)

    async def call() -> bytes:
        correlation_id = uuid4().hex
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        waiting[correlation_id] = reply
        properties = spec.Basic.Properties(
            delivery_mode=2,
            correlation_id=correlation_id,
            message_id=correlation_id,
            reply_to=declared.queue,
        )
        await channel.basic_publish(BODY, routing_key=QUEUE, properties=properties, wait=False)
        return await reply

    await keep_calling(call)
    await connection.close()


if __name__ == "__main__":
    uvloop.run(main())
