"""The front door of this folder: the registry of live predictors, kept up to date over AMQP."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from common.amqp.channel import Channel, Delivery
from common.amqp.publisher import Publisher
from common.contract.announcement import roll_call
from common.contract.topology import PRESENCE, ROLL_CALLS
from common.errors import Unavailable
from gateway.registry.announcements import AnnouncementReader
from gateway.registry.queue_consumers import CountConsumers, QueueConsumers
from gateway.registry.replicas import ReplicaTable

PUBLISH_TIMEOUT_S: Final = 1.0
"""Time that the confirm of a roll call has, before the roll call is published again."""

LEAVE_S: Final = 0.5
"""Time in which a predictor that announces its end cancels its consumers."""

log = structlog.get_logger()


class PredictorRegistry(ReplicaTable):
    """The table of live predictors, with its announcements and roll calls.

    ``now_s`` is a monotonic clock. Roll calls are published over ``publisher``. ``count_consumers``
    is asked about models that no live predictor announces.
    """

    def __init__(
        self,
        now_s: Callable[[], float],
        publisher: Publisher,
        count_consumers: CountConsumers,
    ) -> None:
        super().__init__(now_s)
        self._consumers = QueueConsumers(now_s, count_consumers)
        self._publisher = publisher
        self._announcements = AnnouncementReader(self)
        self._roll_call_due = asyncio.Event()
        self._generation = 0
        """Changes with each new queue for announcements, and with its loss."""

    @property
    def refused(self) -> int:
        """Announcements, and cards of models in them, that were left out."""
        return self._announcements.refused

    async def is_served(self, model: str) -> bool:
        """Return whether a predictor may serve a model; False only if it is certain that none does.

        Announcements tell, or else the consumers of the model's queue: a predictor need not
        announce itself. One that has just left cancels its consumers while it is asked.
        """
        if not await self.none_serves(model):
            return True
        settled_s = self.last_left_s(model) + LEAVE_S
        if self._now_s() < settled_s:
            if not await self._consumers.may_serve(model):
                return False
            await asyncio.sleep(settled_s - self._now_s())
        leaving = self.leaving(model)
        return await self._consumers.may_serve(model, leaving=leaving, since_s=settled_s)

    async def attach(self, channel: Channel) -> None:
        """Consume announcements on a new connection."""
        queue = await channel.declare_own_queue(bound_to=PRESENCE)
        await channel.consume(queue, self._on_announcement, no_ack=True)
        self._generation += 1
        self._roll_call_due.set()

    def detach(self) -> None:
        """Stop measuring silence: the connection is lost."""
        self._generation += 1
        self._roll_call_due.clear()
        self.stop_listening()

    async def run(self) -> None:
        """Publish a roll call on each new connection, until cancelled."""
        while True:
            await self._roll_call_due.wait()
            self._roll_call_due.clear()
            generation = self._generation
            is_published = await self._publish_roll_call()
            if generation != self._generation:
                continue  # the announcements go to a queue that is lost
            if is_published:
                self.begin_listening()
            else:
                self._roll_call_due.set()

    async def _publish_roll_call(self) -> bool:
        try:
            await self._publisher.ready(PUBLISH_TIMEOUT_S)
            await self._publisher.publish(
                roll_call(), "", timeout_s=PUBLISH_TIMEOUT_S, exchange=ROLL_CALLS
            )
        except Unavailable as exc:
            log.info("roll call not sent yet", reason=exc.sentence)
            return False
        return True

    def _on_announcement(self, delivery: Delivery) -> None:
        self._announcements.put(delivery)
