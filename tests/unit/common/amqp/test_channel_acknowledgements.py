"""What the broker is told of deliveries, while it is slow to be told."""

import asyncio
from typing import Any, cast

from aiormq import Channel as UnderlayChannel
from aiormq import spec
from aiormq.abc import DeliveredMessage
from pamqp.header import ContentHeader

from common.amqp.channel import Channel


class SlowToSend:
    """aiormq's channel, whose frames leave when the test says so."""

    def __init__(self) -> None:
        self.words: list[tuple[str, int, bool]] = []
        self.may_send = asyncio.Event()
        self.may_send.set()

    async def basic_consume(self, queue: str, deliver: Any, **_: Any) -> spec.Basic.ConsumeOk:
        self.deliver = deliver
        return spec.Basic.ConsumeOk(consumer_tag="c")

    async def basic_ack(self, tag: int, multiple: bool = False, *, wait: bool) -> None:
        self.words.append(("ack", tag, multiple))

    async def basic_nack(self, tag: int, *, requeue: bool, wait: bool) -> None:
        await self.may_send.wait()
        self.words.append(("nack", tag, False))


async def with_deliveries(raw: SlowToSend, count: int) -> Channel:
    """A channel that has been handed so many, tagged from 1."""
    channel = Channel(cast(UnderlayChannel, raw))
    await channel.consume("q", lambda _: None)
    for tag in range(1, count + 1):
        delivery = spec.Basic.Deliver(consumer_tag="c", delivery_tag=tag)
        header = ContentHeader(properties=spec.Basic.Properties())
        await raw.deliver(DeliveredMessage(delivery, header, b"", cast(Any, None)))
    return channel


async def test_what_is_done_together_is_one_word_unless_something_before_it_is_open() -> None:
    raw = SlowToSend()
    channel = await with_deliveries(raw, 6)
    await channel.acknowledge([2, 3])
    await channel.acknowledge([1, 4])
    await channel.acknowledge([6])
    assert raw.words == [("ack", 2, False), ("ack", 3, False), ("ack", 4, True), ("ack", 6, False)]


async def test_no_word_passes_one_that_has_not_left() -> None:
    raw = SlowToSend()
    channel = await with_deliveries(raw, 3)
    raw.may_send.clear()
    giving_back = asyncio.create_task(channel.requeue(1))
    await asyncio.sleep(0)
    await channel.acknowledge([2, 3])
    raw.may_send.set()
    await giving_back
    assert raw.words == [("ack", 2, False), ("ack", 3, False), ("nack", 1, False)]
