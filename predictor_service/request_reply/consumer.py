"""The consumer of requests: both lanes of every model, with an adaptive prefetch."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from common.amqp.channel import Channel, Delivery
from common.contract.topology import async_queue, sync_queue
from common.errors import MalformedRequest
from predictor_service.request_reply.background import BackgroundTasks
from predictor_service.request_reply.job import Job
from predictor_service.scheduling.lanes import Lane

log = structlog.get_logger()


class RequestConsumer:
    """A consumer of both lanes of all ``models``.

    ``on_request`` is called with each request, and must not raise; a message that is no request is
    rejected. ``wanted_prefetch`` returns how many requests of each lane may be unacknowledged; 0:
    do not consume.
    """

    def __init__(
        self,
        models: Sequence[str],
        on_request: Callable[[Job], None],
        wanted_prefetch: Callable[[], int],
        tasks: BackgroundTasks,
    ) -> None:
        self._models = models
        self._on_request = on_request
        self._wanted_prefetch = wanted_prefetch
        self._tasks = tasks
        self._consumer_tags: list[str] = []
        self._adjusting = asyncio.Lock()
        self.channel: Channel | None = None
        """The channel that is consumed on; deliveries of an earlier one are redelivered."""
        self.prefetch = 0
        """The prefetch of each lane; 0: nothing is consumed."""
        self.rejected = 0
        """Deliveries that were no requests of the contract."""

    async def attach(self, channel: Channel) -> None:
        """Consume on a new connection."""
        self.channel = channel
        await self.adjust()

    def detach(self) -> None:
        """Forget the connection that was lost: the broker redelivers what is unacknowledged."""
        self.channel = None
        self._consumer_tags, self.prefetch = [], 0

    async def adjust(self) -> None:
        """Consume with the prefetch that is wanted; requests already delivered stay at hand."""
        async with self._adjusting:
            while (channel := self.channel) and self.prefetch != self._wanted_prefetch():
                while self._consumer_tags:
                    await channel.cancel(self._consumer_tags.pop())
                self.prefetch = prefetch = self._wanted_prefetch()
                if prefetch:
                    await self._consume(channel, prefetch)

    def adjust_soon(self) -> None:
        """Adjust in the background, unless there is nothing to change or that is under way."""
        if self.prefetch != self._wanted_prefetch() and not self._adjusting.locked():
            self._tasks.start(self.adjust())

    async def _consume(self, channel: Channel, prefetch: int) -> None:
        for model in self._models:
            for queue, lane in ((sync_queue, Lane.SYNC), (async_queue, Lane.ASYNC)):
                tag = await channel.consume(
                    queue(model), self._receiver(channel, model, lane), prefetch=prefetch
                )
                self._consumer_tags.append(tag)

    def _receiver(self, channel: Channel, model: str, lane: Lane) -> Callable[[Delivery], None]:
        def on_delivery(delivery: Delivery) -> None:
            if channel is self.channel:
                self._receive(delivery, model, lane)

        return on_delivery

    def _receive(self, delivery: Delivery, model: str, lane: Lane) -> None:
        try:
            job = Job.from_delivery(delivery, model, lane)
        except MalformedRequest as exc:
            self.rejected += 1
            log.warning(
                "request rejected",
                model=model,
                lane=lane.value,
                delivery_tag=delivery.tag,
                correlation_id=delivery.message.correlation_id,
                reason=exc.sentence,
            )
            self._tasks.start(delivery.channel.reject(delivery.tag))
        else:
            self._on_request(job)
