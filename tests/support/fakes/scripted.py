"""A connection and a channel of the services' parts, with a test instead of a broker."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from common.amqp.channel import Channel, Delivery
from common.contract.messages import Message
from common.errors import BrokerAway


class ScriptedLink:
    """A connection that a test takes up and down; ``on_publish`` is called by each publish."""

    def __init__(self) -> None:
        self._up = asyncio.Event()
        self._up.set()
        self.is_blocked = False
        self.published: list[Message] = []
        self.hold: asyncio.Event | None = None
        """If there is one, confirms wait until it is set."""
        self.on_publish: Callable[[Message], None] = lambda _: None

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    def take(self, *, up: bool) -> None:
        """Connect, or lose the connection."""
        if up:
            self._up.set()
        else:
            self._up.clear()

    async def ready(self, timeout_s: float) -> None:
        await self._up.wait()

    def reconnect(self, reason: str) -> None:
        raise NotImplementedError

    async def publish(
        self, message: Message, routing_key: str, *, timeout_s: float, exchange: str = ""
    ) -> None:
        if not self.is_up:
            raise BrokerAway("The message broker is not available.")
        self.published.append(message)
        self.on_publish(message)
        if self.hold:
            await self.hold.wait()

    def publish_nowait(self, message: Message, routing_key: str) -> asyncio.Future[object]:
        if not self.is_up:
            raise BrokerAway("The message broker is not available.")
        return asyncio.ensure_future(self.publish(message, routing_key, timeout_s=0))


class ScriptedChannel(Channel):
    """A channel on which a test makes the deliveries."""

    def __init__(self) -> None:
        self.on_delivery: Callable[[Delivery], None] = lambda _: None
        self.acknowledged = 0
        """The highest tag that was acknowledged."""
        self.started_at: Any = None
        """The offset that a stream was last consumed from."""
        self.is_replay = False
        self.is_closed = False

    async def declare_own_queue(self, *, bound_to: str | None = None) -> str:
        return "the reply queue"

    async def consume(
        self, queue: str, on_delivery: Callable[[Delivery], None], **options: Any
    ) -> str:
        self.on_delivery = on_delivery
        self.started_at = (options.get("arguments") or {}).get("x-stream-offset")
        return "a tag"

    async def acknowledge(self, tags: Sequence[int]) -> None:
        self.acknowledged = max(tags)

    async def acknowledge_up_to(self, tag: int) -> None:
        self.acknowledged = tag

    async def close(self) -> None:
        self.is_closed = True


async def no_consumers(_: str) -> int:
    """Return the number of consumers of a queue: nobody consumes any."""
    return 0
