"""Fill the reply stream with results, as predictors would have."""

import time
from collections.abc import Iterator
from typing import Final

import aiormq
from aiormq import spec

from common.contract.messages import MessageType
from common.contract.topology import REPLIES
from gateway.prediction_id import PredictionIds, derive_key, spell
from tests.benchmarks.stage import Stage

RESULT: Final = b'{"input": "' + b"x" * 75 + b'", "result": 0}'
"""100 bytes."""

LIFE_S: Final = 7200.0
SETTLE_EVERY: Final = 10_000


async def fill(stage: Stage, vhost: str, count: int) -> None:
    """Publish ``count`` results under ids that every gateway on this broker recognises."""
    ids = PredictionIds(derive_key(stage.broker.password), LIFE_S, time.time)
    connection = await aiormq.connect(stage.amqp_url(vhost))
    try:
        channel = await connection.channel(publisher_confirms=False)
        assert isinstance(channel, aiormq.Channel)  # has ``wait``, unlike its base
        for number, properties in enumerate(_properties(ids, count), 1):
            await channel.basic_publish(
                RESULT,
                routing_key=REPLIES,
                properties=properties,
                wait=number % SETTLE_EVERY == 0,
            )
        await channel.queue_declare(REPLIES, passive=True)  # answered after all of them
    finally:
        await connection.close()


def _properties(ids: PredictionIds, count: int) -> Iterator[spec.Basic.Properties]:
    for _ in range(count):
        yield spec.Basic.Properties(
            content_type="application/json",
            delivery_mode=2,
            message_type=MessageType.SUCCEEDED,
            correlation_id=spell(ids.mint()),
        )
