"""The limit of the AMQP side: a predictor that is nothing but aiormq, and answers a constant."""

import asyncio
import os
from typing import Final

import aiormq
import uvloop
from aiormq import spec
from aiormq.abc import DeliveredMessage

QUEUE: Final = os.environ["BENCH_QUEUE"]
PREFETCH: Final = 128
ANSWER: Final = b'{"input": "' + b"x" * 87 + b'", "result": 0}'


async def main() -> None:
    """Consume, answer with a confirm, acknowledge, until ended."""
    connection = await aiormq.connect(os.environ["BENCH_AMQP_URL"])
    channel = await connection.channel()
    assert isinstance(channel, aiormq.Channel)  # has ``wait``, unlike its base
    await channel.basic_qos(prefetch_count=PREFETCH)

    async def on_request(request: DeliveredMessage) -> None:
        asked = request.header.properties
        properties = spec.Basic.Properties(
            delivery_mode=2, correlation_id=asked.correlation_id, message_id=asked.correlation_id
        )
        await channel.basic_publish(
            ANSWER, routing_key=str(asked.reply_to), properties=properties, wait=False
        )
        await channel.basic_ack(request.delivery_tag or 0, wait=False)

    await channel.basic_consume(QUEUE, on_request)
    await asyncio.Future()


if __name__ == "__main__":
    uvloop.run(main())
