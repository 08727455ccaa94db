"""Consume both lanes of every model, with as many requests handed over as is right now."""

import asyncio
from collections.abc import Callable, Sequence

from common.amqp.channel import Channel, Delivery
from common.contract.topology import async_queue, sync_queue
from predictor_service.scheduling.lanes import Lane

OnDelivery = Callable[[Delivery, str, Lane], None]
"""Told of each delivery, the model that it is for, and its lane."""


class RequestConsumer:
    """What the broker hands over of ``models``, as many of each lane at once as ``wanted`` says."""

    def __init__(
        self, models: Sequence[str], on_delivery: OnDelivery, wanted: Callable[[], int]
    ) -> None:
        self._models = models
        self._on_delivery = on_delivery
        self._wanted = wanted
        self._consumer_tags: list[str] = []
        self._changing = asyncio.Lock()
        self.channel: Channel | None = None
        """The one that deliveries count of; those of an earlier one come again."""
        self.prefetch = 0
        """What each lane is consumed with; 0: they are not."""

    @property
    def is_to_change(self) -> bool:
        """Whether ``change`` has something to do that nobody does yet."""
        return self.prefetch != self._wanted() and not self._changing.locked()

    async def attach(self, channel: Channel) -> None:
        """Consume on a new connection."""
        self.channel = channel
        await self.change()

    def detach(self) -> None:
        """The connection is gone: the broker hands over again what was not acknowledged."""
        self.channel = None
        self._consumer_tags, self.prefetch = [], 0

    async def change(self) -> None:
        """Consume as is wanted; what was handed over stays at hand."""
        async with self._changing:
            while (channel := self.channel) and self.prefetch != self._wanted():
                while self._consumer_tags:
                    await channel.cancel(self._consumer_tags.pop())
                self.prefetch = prefetch = self._wanted()
                if prefetch:
                    await self._consume(channel, prefetch)

    async def _consume(self, channel: Channel, prefetch: int) -> None:
        for model in self._models:
            for queue, lane in ((sync_queue, Lane.SYNC), (async_queue, Lane.ASYNC)):
                tag = await channel.consume(
                    queue(model), self._deliver(channel, model, lane), prefetch=prefetch
                )
                self._consumer_tags.append(tag)

    def _deliver(self, channel: Channel, model: str, lane: Lane) -> Callable[[Delivery], None]:
        def on_delivery(delivery: Delivery) -> None:
            if channel is self.channel:
                self._on_delivery(delivery, model, lane)

        return on_delivery
