"""The reply stream, read without any code of the gateway."""

import asyncio
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.broker.raw import raw_channel

REPLIES: Final = "predictions.replies"
MARKER: Final = "journal.marker"
GO_ON: Final = (
    "prediction.claim",
    "prediction.accepted",
    "prediction.released",
    "prediction.started",
    "prediction.progress",
)
"""Events of predictions that have not ended by them."""
READ_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Event:
    """An event with a final state; ``reason`` is set if the broker gave the request up."""

    prediction_id: str
    type: str
    body: bytes
    reason: str


async def first_events(broker: PrivateBroker, vhost: str) -> dict[str, Event]:
    """Return the event that counts for each prediction id: the first final state in the stream."""
    first: dict[str, Event] = {}
    for message in await _read(broker, vhost):
        event = _event(message)
        if event.type not in (MARKER, *GO_ON):
            first.setdefault(event.prediction_id, event)
    return first


async def _read(broker: PrivateBroker, vhost: str) -> list[AbstractIncomingMessage]:
    """Read all messages of the stream, up to a marker that is published for it."""
    marker, messages = uuid4().hex, list[AbstractIncomingMessage]()
    done = asyncio.Event()

    async def keep(message: AbstractIncomingMessage) -> None:
        await message.ack()
        messages.append(message)
        if message.correlation_id == marker:
            done.set()

    async with raw_channel(broker, vhost) as channel, asyncio.timeout(READ_TIMEOUT_S):
        await channel.set_qos(prefetch_count=1000)
        stream = await channel.get_queue(REPLIES, ensure=False)
        own = aio_pika.Message(b"", type=MARKER, correlation_id=marker)
        await channel.default_exchange.publish(own, REPLIES)
        await stream.consume(keep, arguments={"x-stream-offset": "first"})
        await done.wait()
    return messages


def _event(message: AbstractIncomingMessage) -> Event:
    reason = message.headers.get("x-first-death-reason", "")
    return Event(
        prediction_id=message.correlation_id or "",
        type=message.type or "",
        body=message.body,
        reason=str(reason),
    )
