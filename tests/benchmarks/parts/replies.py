"""Replies published to the reply stream at a steady rate, as the predictors publish them."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import aiormq
from aiormq import spec

from common.contract.messages import Message, MessageType, Reply
from common.contract.timing import Timing
from common.contract.topology import REPLIES
from gateway.prediction_id import PredictionIds, derive_key, spell
from tests.benchmarks.parts.fill import LIFE_S, RESULT
from tests.benchmarks.stage import Stage

REPLY: Final = Reply(MessageType.SUCCEEDED, RESULT, Timing.of(0.002, 0.001))


@dataclass(frozen=True)
class Published:
    """The start of a steady load, and the prediction of its last reply."""

    started_s: float
    last_id: str


async def publish_steadily(stage: Stage, vhost: str, per_s: int, seconds: float) -> Published:
    """Publish ``per_s`` replies in each second, evenly to the millisecond.

    All ids are those of this broker's gateways. A reply that is late is published at once: the rate
    holds as long as this process keeps pace.
    """
    ids = PredictionIds(derive_key(stage.broker.password), LIFE_S, time.time)
    messages = [
        REPLY.to_message(spell(ids.mint()), int(time.time())) for _ in range(round(per_s * seconds))
    ]
    connection = await aiormq.connect(stage.amqp_url(vhost))
    try:
        channel = await connection.channel(publisher_confirms=False)
        assert isinstance(channel, aiormq.Channel)  # has ``wait``, unlike its base
        started_s = time.perf_counter()
        for number, message in enumerate(messages):
            early_s = started_s + number / per_s - time.perf_counter()
            if early_s > 0:
                await asyncio.sleep(early_s)
            await _publish(channel, message)
        await channel.queue_declare(REPLIES, passive=True)  # answered after all of them
    finally:
        await connection.close()
    return Published(started_s, messages[-1].correlation_id)


async def _publish(channel: aiormq.Channel, message: Message) -> None:
    properties = spec.Basic.Properties(
        content_type="application/json",
        delivery_mode=2,
        correlation_id=message.correlation_id,
        message_id=uuid4().hex,
        message_type=message.type,
        timestamp=datetime.fromtimestamp(message.timestamp_s or 0, UTC),
        headers=message.headers,
    )
    await channel.basic_publish(
        message.body, routing_key=REPLIES, properties=properties, wait=False
    )
