"""Listen to what predictors announce, and call the roll on each new connection."""

import asyncio
from typing import Final, Protocol

import structlog

from common.amqp.channel import Channel, Delivery
from common.contract.announcement import Announcement, roll_call
from common.contract.messages import Message
from common.contract.topology import PRESENCE, ROLL_CALLS
from common.errors import MalformedRequest, Unavailable
from gateway.registry.registry import PredictorRegistry

SEND_TIMEOUT_S: Final = 1.0
"""How long a roll call may take to be sent, before it is sent again."""

log = structlog.get_logger()


class Publisher(Protocol):
    """What is needed of the connection that roll calls leave by."""

    async def ready(self, timeout_s: float) -> None: ...
    async def publish(
        self, message: Message, routing_key: str, *, timeout_s: float, exchange: str
    ) -> None: ...


class AnnouncementListener:
    """Keeps ``replicas`` up to date."""

    def __init__(self, replicas: PredictorRegistry, publisher: Publisher) -> None:
        self._replicas = replicas
        self._publisher = publisher
        self._due = asyncio.Event()
        self._generation = 0  # of the queue that announcements come by

    async def attach(self, channel: Channel) -> None:
        """Hear announcements on a new connection."""
        queue = await channel.declare_own_queue(bound_to=PRESENCE)
        await channel.consume(queue, self._on_announcement, no_ack=True)
        self._generation += 1
        self._due.set()

    def detach(self) -> None:
        """The connection is gone."""
        self._generation += 1
        self._due.clear()
        self._replicas.stop_listening()

    async def run(self) -> None:
        """Call the roll whenever it is due, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            generation = self._generation
            is_called = await self._call_roll()
            if generation != self._generation:
                continue  # the answers go to a queue that is gone
            if is_called:
                self._replicas.begin_listening()
            else:
                self._due.set()

    async def _call_roll(self) -> bool:
        try:
            await self._publisher.ready(SEND_TIMEOUT_S)
            await self._publisher.publish(
                roll_call(), "", timeout_s=SEND_TIMEOUT_S, exchange=ROLL_CALLS
            )
        except Unavailable as exc:
            log.info("roll call not sent yet", reason=exc.sentence)
            return False
        return True

    def _on_announcement(self, delivery: Delivery) -> None:
        try:
            self._replicas.hear(Announcement.from_message(delivery.message))
        except MalformedRequest as exc:
            log.warning("not an announcement", reason=exc.sentence)
