"""Acknowledgements of a channel, on a connection that is slow to send."""

import asyncio
from typing import Any, cast

from aiormq import Channel as UnderlayChannel
from aiormq import spec
from aiormq.abc import DeliveredMessage
from pamqp.header import ContentHeader

from common.amqp.channel import Channel


class SlowChannel:
    """A channel of aiormq, whose negative acknowledgements are sent when the test permits it."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, bool]] = []
        self.may_send = asyncio.Event()
        self.may_send.set()

    async def basic_consume(self, queue: str, deliver: Any, **_: Any) -> spec.Basic.ConsumeOk:
        self.deliver = deliver
        return spec.Basic.ConsumeOk(consumer_tag="c")

    async def basic_ack(self, tag: int, multiple: bool = False, *, wait: bool) -> None:
        self.sent.append(("ack", tag, multiple))

    async def basic_nack(self, tag: int, *, requeue: bool, wait: bool) -> None:
        await self.may_send.wait()
        self.sent.append(("nack", tag, False))


async def with_deliveries(raw: SlowChannel, count: int) -> Channel:
    """Return a channel with ``count`` deliveries, tagged from 1."""
    channel = Channel(cast(UnderlayChannel, raw))
    await channel.consume("q", lambda _: None)
    for tag in range(1, count + 1):
        delivery = spec.Basic.Deliver(consumer_tag="c", delivery_tag=tag)
        header = ContentHeader(properties=spec.Basic.Properties())
        await raw.deliver(DeliveredMessage(delivery, header, b"", cast(Any, None)))
    return channel


async def test_acknowledgements_are_one_frame_unless_a_delivery_before_them_is_unsettled() -> None:
    raw = SlowChannel()
    channel = await with_deliveries(raw, 6)
    await channel.acknowledge([2, 3])
    await channel.acknowledge([1, 4])
    await channel.acknowledge([6])
    assert raw.sent == [("ack", 2, False), ("ack", 3, False), ("ack", 4, True), ("ack", 6, False)]


async def test_an_acknowledgement_includes_no_delivery_whose_requeueing_is_not_sent() -> None:
    raw = SlowChannel()
    channel = await with_deliveries(raw, 3)
    raw.may_send.clear()
    requeueing = asyncio.create_task(channel.requeue(1))
    await asyncio.sleep(0)
    await channel.acknowledge([2, 3])
    raw.may_send.set()
    await requeueing
    assert raw.sent == [("ack", 2, False), ("ack", 3, False), ("nack", 1, False)]
