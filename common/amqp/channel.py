"""One AMQP channel in our types: publish with a confirm, consume, acknowledge.

On aiormq, which costs half as much as aio-pika's message layer above it. Exceptions of the library
become errors of ``common/errors.py`` here.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import uuid4

import msgspec
from aiormq import Channel as UnderlayChannel
from aiormq.abc import DeliveredMessage

from common.amqp import aiormq_internals
from common.amqp.aiormq_internals import PublisherConfirm
from common.amqp.codec import decode_delivery
from common.amqp.declare import declare
from common.amqp.error_mapping import mapped_errors
from common.contract.messages import Message
from common.contract.topology import Queue
from common.errors import ConnectionLost, Unconfirmed


class Delivery(msgspec.Struct, frozen=True):
    """A delivered message, to be acknowledged on its channel."""

    message: Message
    channel: "Channel"
    tag: int
    message_id: str = ""
    """The same at each redelivery; empty if the message was published without one."""

    @property
    def redeliveries(self) -> int:
        """The number of earlier deliveries, which only quorum queues count."""
        count = self.message.headers.get("x-delivery-count", 0)
        return count if isinstance(count, int) else 0

    @property
    def offset(self) -> int:
        """The offset of the message in its stream.

        Raises:
            KeyError: the message does not come from a stream.
        """
        return int(self.message.headers["x-stream-offset"])


class Channel:
    """One channel in confirm mode, valid until its connection is lost."""

    def __init__(self, raw: UnderlayChannel) -> None:
        self._raw = raw
        # Unique for each publish: aiormq finds the confirm of a returned message by it.
        token = uuid4().hex
        self._message_ids = (f"{token}-{count}" for count in itertools.count())
        self._unsettled: dict[int, None] = {}  # delivery tags, in ascending order

    @property
    def is_open(self) -> bool:
        """True until the end of the channel, or of its connection, is known."""
        return not self._raw.is_closed

    async def publish(
        self, message: Message, routing_key: str, *, timeout_s: float, exchange: str = ""
    ) -> None:
        """Publish and wait for the broker's confirm.

        The message goes to the queue named ``routing_key``, or to all queues bound to a fanout
        ``exchange``, of which there may be none.

        Raises:
            Unroutable: there is no queue of that name.
            Refused: the queue is full.
            NotPermitted: the user may not publish there.
            Unconfirmed, ConnectionLost: the message may or may not arrive.
        """
        confirm = self.publish_nowait(message, routing_key, exchange=exchange)
        done, _ = await asyncio.wait((confirm,), timeout=timeout_s)
        if not done:
            raise Unconfirmed("The broker did not confirm in time.")
        confirm.result()

    def publish_nowait(
        self, message: Message, routing_key: str, *, exchange: str = ""
    ) -> PublisherConfirm:
        """Publish and return the confirm, which is done at the latest when the connection ends.

        Raises:
            ConnectionLost: the channel has ended; nothing was sent.
        """
        if self._raw.is_closed:
            raise ConnectionLost("The connection to the broker was lost.")
        message_id = next(self._message_ids)
        return aiormq_internals.publish_nowait(
            self._raw, message, message_id, routing_key, exchange
        )

    def fail_pending(self, reason: BaseException | None) -> None:
        """Fail all outstanding confirms: the channel has ended because of ``reason``."""
        aiormq_internals.fail_pending(self._raw, reason)

    async def declare(self, queues: tuple[Queue, ...]) -> None:
        """Declare queues of the contract: see ``declare.declare``."""
        with mapped_errors():
            await declare(self._raw, queues)

    async def declare_own_queue(self, *, bound_to: str | None = None) -> str:
        """Declare an exclusive queue, which is deleted with the connection; return its name.

        ``bound_to`` is a fanout exchange to bind it to.
        """
        with mapped_errors():
            declared = await self._raw.queue_declare(exclusive=True, auto_delete=True)
            name = str(declared.queue)
            if bound_to is not None:
                await self._raw.queue_bind(name, bound_to)
            return name

    async def set_prefetch(self, count: int) -> None:
        """Set the prefetch count of each consumer that is added after this."""
        with mapped_errors():
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
        """Consume ``queue``: call ``on_delivery`` for each message, in order; return the tag.

        ``prefetch`` bounds the unacknowledged messages of this consumer; with 0 it is the count of
        ``set_prefetch``, or without bound. ``on_delivery`` must not raise.
        """

        async def deliver(raw: DeliveredMessage) -> None:
            tag = raw.delivery_tag or 0
            if not no_ack:
                self._unsettled[tag] = None
            message_id = raw.header.properties.message_id or ""
            on_delivery(Delivery(decode_delivery(raw), self, tag, message_id))

        with mapped_errors():
            if prefetch:
                await self._raw.basic_qos(prefetch_count=prefetch)
            consumer = await self._raw.basic_consume(
                queue, deliver, no_ack=no_ack, arguments=arguments
            )
            return str(consumer.consumer_tag)

    async def cancel(self, consumer_tag: str) -> None:
        """Cancel a consumer; its deliveries so far remain to be acknowledged.

        Returns when the broker has confirmed: until then messages may still be delivered.
        """
        with mapped_errors():
            await self._raw.basic_cancel(consumer_tag)

    async def acknowledge(self, tags: Sequence[int]) -> None:
        """Acknowledge deliveries, in as few frames as possible.

        One frame acknowledges all deliveries up to a tag, so it serves those before which no other
        one is unsettled. A quorum queue writes each frame to its log.
        """
        done = frozenset(tags)
        oldest_open = next((tag for tag in self._unsettled if tag not in done), None)
        together = frozenset(tag for tag in tags if oldest_open is None or tag < oldest_open)
        with mapped_errors():
            if together:
                await self._raw.basic_ack(max(together), multiple=len(together) > 1, wait=False)
                self._forget(together)
            for tag in tags:
                if tag not in together:
                    await self._raw.basic_ack(tag, wait=False)
                    self._forget((tag,))

    async def acknowledge_up_to(self, tag: int) -> None:
        """Acknowledge a delivery and all before it."""
        self._unsettled = {later: None for later in self._unsettled if later > tag}
        with mapped_errors():
            await self._raw.basic_ack(tag, multiple=True, wait=False)

    async def requeue(self, tag: int) -> None:
        """Requeue a delivery, for another consumer."""
        with mapped_errors():
            await self._raw.basic_nack(tag, requeue=True, wait=False)
        self._forget((tag,))

    async def close(self) -> None:
        """Close the channel; its connection ends with it and is made anew."""
        with mapped_errors():
            await self._raw.close()

    async def reject(self, tag: int) -> None:
        """Reject a delivery without requeueing it: its queue may dead-letter it."""
        with mapped_errors():
            await self._raw.basic_reject(tag, requeue=False, wait=False)
        self._forget((tag,))

    def _forget(self, tags: Iterable[int]) -> None:
        """Drop tags whose frame is sent: later acknowledgements may include them."""
        for tag in tags:
            self._unsettled.pop(tag, None)
