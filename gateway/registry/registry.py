"""The front door of this folder: the registry of live predictors, kept up to date over AMQP."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from common.amqp.channel import Channel, Delivery
from common.amqp.publisher import Publisher
from common.contract.announcement import Announcement, roll_call
from common.contract.topology import PRESENCE, ROLL_CALLS
from common.errors import MalformedRequest, Unavailable
from gateway.registry.replicas import ReplicaTable

PUBLISH_TIMEOUT_S: Final = 1.0
"""Time that the confirm of a roll call has, before the roll call is published again."""

log = structlog.get_logger()


class PredictorRegistry(ReplicaTable):
    """The table of live predictors, with its announcements and roll calls.

    ``now_s`` is a monotonic clock. Roll calls are published over ``publisher``.
    """

    def __init__(self, now_s: Callable[[], float], publisher: Publisher) -> None:
        super().__init__(now_s)
        self._publisher = publisher
        self._roll_call_due = asyncio.Event()
        self._generation = 0
        """Changes with each new queue for announcements, and with its loss."""
        self.ignored = 0
        """Messages that were no announcements."""

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
        try:
            self.record(Announcement.from_message(delivery.message))
        except MalformedRequest as exc:
            self.ignored += 1
            log.warning("not an announcement", delivery_tag=delivery.tag, reason=exc.sentence)
