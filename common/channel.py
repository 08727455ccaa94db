"""One AMQP channel in our types: publish with a confirm, consume, acknowledge.

Speaks through aio-pika's aiormq underlay, which costs half of its message layer. Whatever
the library raises becomes one of ``common/errors.py`` here.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import msgspec
from aiormq import Channel as UnderlayChannel
from aiormq import spec
from aiormq.abc import DeliveredMessage

from common.messages import Message
from common.topology import Queue, declare
from common.translation import translated

PERSISTENT: Final = 2


class Delivery(msgspec.Struct, frozen=True):
    """A message as the broker handed it over, to be acknowledged on its channel."""

    message: Message
    channel: "Channel"
    tag: int
    message_id: str = ""
    """The same when it is handed over again; empty if it was published without one."""

    @property
    def redeliveries(self) -> int:
        """How often the request came back before; counted by quorum queues only."""
        count = self.message.headers.get("x-delivery-count", 0)
        return count if isinstance(count, int) else 0

    @property
    def offset(self) -> int:
        """The place of the message in its stream.

        Raises:
            KeyError: it does not come from a stream.
        """
        return int(self.message.headers["x-stream-offset"])


class Channel:
    """One channel in confirm mode, valid until its connection is lost."""

    def __init__(self, raw: UnderlayChannel) -> None:
        self._raw = raw
        # Unique for each publish: aiormq finds a returned message's publish by it.
        token = uuid4().hex
        self._message_ids = (f"{token}-{count}" for count in itertools.count())
        self._unsettled: dict[int, None] = {}  # delivery tags, as they came: each larger

    @property
    def is_open(self) -> bool:
        """Whether what is acknowledged here still reaches the broker, as far as anyone knows."""
        return not self._raw.is_closed

    async def publish(
        self, message: Message, routing_key: str, *, timeout_s: float, exchange: str = ""
    ) -> None:
        """Publish and wait until the broker has taken the message.

        It goes to the queue named ``routing_key``, or to all queues bound to a fanout
        ``exchange``, which may be none.

        Raises:
            Unroutable: no queue of that name.
            Refused: its queue is full.
            NotPermitted: our user may not publish there.
            Unconfirmed, ConnectionLost: nobody knows whether it arrived.
        """
        with translated():
            await self._raw.basic_publish(
                message.body,
                exchange=exchange,
                routing_key=routing_key,
                properties=properties(message, next(self._message_ids)),
                mandatory=not exchange,
                timeout=timeout_s,
                wait=False,
            )

    async def declare(self, queues: tuple[Queue, ...]) -> None:
        """Declare queues of the contract: see ``topology.declare``."""
        with translated():
            await declare(self._raw, queues)

    async def declare_own_queue(self, *, bound_to: str | None = None) -> str:
        """Declare an exclusive queue that goes with the connection; returns its name.

        ``bound_to`` is a fanout exchange whose messages it gets.
        """
        with translated():
            declared = await self._raw.queue_declare(exclusive=True, auto_delete=True)
            name = str(declared.queue)
            if bound_to is not None:
                await self._raw.queue_bind(name, bound_to)
            return name

    async def limit_prefetch(self, count: int) -> None:
        """Bound the unacknowledged messages of each consumer that comes after this."""
        with translated():
            await self._raw.basic_qos(prefetch_count=count)

    async def consume(
        self,
        queue: str,
        on_delivery: Callable[[Delivery], None],
        *,
        prefetch: int = 0,
        no_ack: bool = False,
        arguments: dict[str, Any] | None = None,
    ) -> str:
        """Hand each message of ``queue`` to ``on_delivery``, in order; returns a consumer tag.

        ``prefetch`` bounds the unacknowledged messages of this consumer; 0 leaves it at what
        ``limit_prefetch`` said, or unbounded.
        ``on_delivery`` must not raise.
        """

        async def deliver(raw: DeliveredMessage) -> None:
            tag = raw.delivery_tag or 0
            if not no_ack:
                self._unsettled[tag] = None
            message_id = raw.header.properties.message_id or ""
            on_delivery(Delivery(_message(raw), self, tag, message_id))

        with translated():
            if prefetch:
                await self._raw.basic_qos(prefetch_count=prefetch)
            consuming = await self._raw.basic_consume(
                queue, deliver, no_ack=no_ack, arguments=arguments
            )
            return str(consuming.consumer_tag)

    async def cancel(self, consumer_tag: str) -> None:
        """Stop consuming; what was handed out by then still wants an acknowledgement.

        Waits for the broker: until it has answered, deliveries may be on their way.
        """
        with translated():
            await self._raw.basic_cancel(consumer_tag)

    async def acknowledge(self, tags: Sequence[int]) -> None:
        """Tell the broker that deliveries are done with: in one word, if none before them is open.

        A quorum queue writes each such word to its log.
        """
        done = frozenset(tags)
        oldest = next((tag for tag in self._unsettled if tag not in done), None)
        early = frozenset(tag for tag in tags if oldest is None or tag < oldest)
        with translated():
            if early:
                await self._raw.basic_ack(max(early), multiple=len(early) > 1, wait=False)
                self._forget(early)
            for tag in tags:
                if tag not in early:
                    await self._raw.basic_ack(tag, wait=False)
                    self._forget((tag,))

    async def acknowledge_up_to(self, tag: int) -> None:
        """Tell the broker that a delivery and all before it are done with."""
        self._unsettled = {later: None for later in self._unsettled if later > tag}
        with translated():
            await self._raw.basic_ack(tag, multiple=True, wait=False)

    async def give_back(self, tag: int) -> None:
        """Return a delivery to its queue, for another consumer."""
        with translated():
            await self._raw.basic_nack(tag, requeue=True, wait=False)
        self._forget((tag,))

    async def close(self) -> None:
        """Close the channel: its connection ends with it and is made anew."""
        with translated():
            await self._raw.close()

    async def reject(self, tag: int) -> None:
        """Refuse a delivery for good: it is dead-lettered where its queue says so."""
        with translated():
            await self._raw.basic_reject(tag, requeue=False, wait=False)
        self._forget((tag,))

    def _forget(self, tags: Iterable[int]) -> None:
        """The broker has been told of them: a word sent later may pass them."""
        for tag in tags:
            self._unsettled.pop(tag, None)


def properties(message: Message, message_id: str) -> spec.Basic.Properties:
    """The AMQP properties that a message leaves with."""
    return spec.Basic.Properties(
        content_type="application/json",
        delivery_mode=PERSISTENT,
        message_id=message_id,
        message_type=message.type,
        correlation_id=message.correlation_id,
        reply_to=message.reply_to,
        expiration=None if message.expiration_ms is None else str(message.expiration_ms),
        timestamp=None
        if message.timestamp_s is None
        else datetime.fromtimestamp(message.timestamp_s, UTC),
        headers=message.headers or None,
    )


def _message(raw: DeliveredMessage) -> Message:
    properties = raw.header.properties
    expiration = properties.expiration or ""
    return Message(
        type=properties.message_type or "",
        body=raw.body,
        correlation_id=properties.correlation_id or "",
        reply_to=properties.reply_to,
        expiration_ms=int(expiration) if expiration.isdecimal() else None,
        timestamp_s=int(properties.timestamp.timestamp()) if properties.timestamp else None,
        headers=properties.headers or {},
    )
