"""Listen to what predictors announce, and call the roll on each new connection."""

import asyncio
from typing import Protocol

import structlog

from common.channel import Channel, Delivery
from common.errors import MalformedRequest, Unavailable
from common.messages import Message
from common.presence import Announcement, roll_call
from common.topology import PRESENCE, ROLL_CALLS
from gateway.replicas import ROLL_CALL_S, Replicas

log = structlog.get_logger()


class Publisher(Protocol):
    """What is needed of the connection that roll calls leave by."""

    async def ready(self, timeout_s: float) -> None: ...
    async def publish(
        self, message: Message, routing_key: str, *, timeout_s: float, exchange: str
    ) -> None: ...


class Presence:
    """Keeps ``replicas`` up to date."""

    def __init__(self, replicas: Replicas, publisher: Publisher) -> None:
        self._replicas = replicas
        self._publisher = publisher
        self._due = asyncio.Event()

    async def attach(self, channel: Channel) -> None:
        """Hear announcements on a new connection."""
        queue = await channel.declare_own_queue(bound_to=PRESENCE)
        await channel.consume(queue, self._on_announcement, no_ack=True)
        self._due.set()

    def detach(self) -> None:
        """The connection is gone."""
        self._due.clear()
        self._replicas.stop_listening()

    async def run(self) -> None:
        """Call the roll whenever it is due, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self._publisher.ready(ROLL_CALL_S)
                await self._publisher.publish(
                    roll_call(), "", timeout_s=ROLL_CALL_S, exchange=ROLL_CALLS
                )
            except Unavailable as exc:
                log.info("roll call not sent yet", reason=exc.sentence)
                self._due.set()
            else:
                self._replicas.begin_listening()

    def _on_announcement(self, delivery: Delivery) -> None:
        try:
            self._replicas.hear(Announcement.from_message(delivery.message))
        except MalformedRequest as exc:
            log.warning("not an announcement", reason=exc.sentence)
