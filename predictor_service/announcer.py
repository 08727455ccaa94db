"""Announcements of this predictor: when it begins to consume, at roll calls, and periodically."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec
import structlog

from common.amqp.channel import Channel, Delivery
from common.amqp.publisher import Publisher
from common.contract.announcement import ANNOUNCE_EVERY_S, Announcement
from common.contract.messages import MessageType
from common.contract.topology import PRESENCE, ROLL_CALLS
from common.errors import Unavailable

log = structlog.get_logger()


class Announcer:
    """The publisher of the announcement that ``describe`` returns, while requests are consumed."""

    def __init__(self, describe: Callable[[], Announcement], publisher: Publisher) -> None:
        self._describe = describe
        self._publisher = publisher
        self._attached = asyncio.Event()
        self._due = asyncio.Event()
        self._leaving = False
        self.announced = False
        """True once an announcement is confirmed: before, gateways refuse sync calls."""
        self.ignored = 0
        """Messages that were no roll calls."""

    async def attach(self, channel: Channel) -> None:
        """Consume roll calls on a new connection, on which requests are consumed already."""
        queue = await channel.declare_own_queue(bound_to=ROLL_CALLS)
        await channel.consume(queue, self._on_roll_call, no_ack=True)
        self._attached.set()
        self._due.set()

    def detach(self) -> None:
        """Announce nothing until the next connection: this one is lost, with its consumers."""
        self._attached.clear()
        self.announced = False

    async def run(self) -> None:
        """Announce, while there is a connection to consume on, until cancelled."""
        while True:
            await self._attached.wait()
            self._due.clear()
            await self._announce()
            with suppress(TimeoutError):
                async with asyncio.timeout(ANNOUNCE_EVERY_S):
                    await self._due.wait()

    async def leave(self) -> None:
        """Announce that this predictor consumes no more; all later announcements repeat it.

        Returns when that is confirmed, or cannot be published within some ``ANNOUNCE_EVERY_S``
        seconds.
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

    def _on_roll_call(self, delivery: Delivery) -> None:
        if delivery.message.type == MessageType.ROLL_CALL:
            self._due.set()
            return
        self.ignored += 1
        log.warning("not a roll call", type=delivery.message.type, delivery_tag=delivery.tag)
