"""Tell the gateways what this predictor serves: at the start, every few seconds, when asked."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import msgspec
import structlog

from common.amqp.channel import Channel, Delivery
from common.contract.announcement import ANNOUNCE_EVERY_S, Announcement
from common.contract.messages import Message
from common.contract.topology import PRESENCE, ROLL_CALLS
from common.errors import Unavailable

log = structlog.get_logger()


class Publisher(Protocol):
    """What the announcer needs of the connection its announcements leave by."""

    async def ready(self, timeout_s: float) -> None: ...
    async def publish(
        self, message: Message, routing_key: str, *, timeout_s: float, exchange: str
    ) -> None: ...


class Announcer:
    """Publishes what ``describe`` says of this predictor, while it can be given requests."""

    def __init__(self, describe: Callable[[], Announcement], publisher: Publisher) -> None:
        self._describe = describe
        self._publisher = publisher
        self._attached = asyncio.Event()
        self._due = asyncio.Event()
        self._leaving = False
        self.announced = False
        """Whether the gateways have been told: before, they refuse sync calls to our models."""

    async def attach(self, channel: Channel) -> None:
        """Listen for roll calls on a new connection, whose consumers are there by now."""
        queue = await channel.declare_own_queue(bound_to=ROLL_CALLS)
        await channel.consume(queue, self._on_roll_call, no_ack=True)
        self._attached.set()
        self._due.set()

    def detach(self) -> None:
        """The connection is gone, and its consumers: nothing to announce until the next one."""
        self._attached.clear()
        self.announced = False

    async def run(self) -> None:
        """Announce, whenever there is a connection to consume on, until cancelled."""
        while True:
            await self._attached.wait()
            self._due.clear()
            await self._announce()
            with suppress(TimeoutError):
                async with asyncio.timeout(ANNOUNCE_EVERY_S):
                    await self._due.wait()

    async def leave(self) -> None:
        """Say that this predictor takes no more requests; it never says otherwise again.

        Returns once the gateways are told, or cannot be within some ``ANNOUNCE_EVERY_S`` seconds.
        """
        self._leaving = True
        await self._announce()

    async def _announce(self) -> None:
        try:
            await self._publisher.ready(ANNOUNCE_EVERY_S)
            if not self._attached.is_set() and not self._leaving:
                return
            announcement = msgspec.structs.replace(self._describe(), leaving=self._leaving)
            await self._publisher.publish(
                announcement.to_message(), "", timeout_s=ANNOUNCE_EVERY_S, exchange=PRESENCE
            )
        except Unavailable as exc:  # the next one is due soon
            log.info("not announced", reason=exc.sentence)
        else:
            self.announced = self._attached.is_set()

    def _on_roll_call(self, _: Delivery) -> None:
        self._due.set()
