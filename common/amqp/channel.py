"""One AMQP channel in our types: publish with a confirm, consume, acknowledge.

Speaks through aio-pika's aiormq underlay, which costs half of its message layer. Whatever
the library raises becomes one of ``common/errors.py`` here.
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
        """Whether what is sent here still reaches the broker, as far as anyone knows."""
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
        confirm = self.publish_nowait(message, routing_key, exchange=exchange)
        done, _ = await asyncio.wait((confirm,), timeout=timeout_s)
        if not done:
            raise Unconfirmed("The broker did not confirm in time.")
        confirm.result()

    def publish_nowait(
        self, message: Message, routing_key: str, *, exchange: str = ""
    ) -> PublisherConfirm:
        """Publish; the confirm comes later, at the latest when the connection ends.

        Raises:
            ConnectionLost: nothing was sent.
        """
        if self._raw.is_closed:
            raise ConnectionLost("The connection to the broker was lost.")
        message_id = next(self._message_ids)
        return aiormq_internals.publish_nowait(
            self._raw, message, message_id, routing_key, exchange
        )

    def fail_pending(self, why: BaseException | None) -> None:
        """Fail all confirms that are still missing: the channel has ended, because of ``why``."""
        aiormq_internals.fail_pending(self._raw, why)

    async def declare(self, queues: tuple[Queue, ...]) -> None:
        """Declare queues of the contract: see ``declare.declare``."""
        with mapped_errors():
            await declare(self._raw, queues)

    async def declare_own_queue(self, *, bound_to: str | None = None) -> str:
        """Declare an exclusive queue that goes with the connection; returns its name.

        ``bound_to`` is a fanout exchange whose messages it gets.
        """
        with mapped_errors():
            declared = await self._raw.queue_declare(exclusive=True, auto_delete=True)
            name = str(declared.queue)
            if bound_to is not None:
                await self._raw.queue_bind(name, bound_to)
            return name

    async def set_prefetch(self, count: int) -> None:
        """Bound the unacknowledged messages of each consumer that comes after this."""
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
        """Hand each message of ``queue`` to ``on_delivery``, in order; returns a consumer tag.

        ``prefetch`` bounds the unacknowledged messages of this consumer; 0 leaves it at what
        ``set_prefetch`` said, or unbounded.
        ``on_delivery`` must not raise.
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
            consuming = await self._raw.basic_consume(
                queue, deliver, no_ack=no_ack, arguments=arguments
            )
            return str(consuming.consumer_tag)

    async def cancel(self, consumer_tag: str) -> None:
        """Stop consuming; what was handed out by then still wants an acknowledgement.

        Waits for the broker: until it has answered, deliveries may be on their way.
        """
        with mapped_errors():
            await self._raw.basic_cancel(consumer_tag)

    async def acknowledge(self, tags: Sequence[int]) -> None:
        """Tell the broker that deliveries are done with: in one word, if none before them is open.

        A quorum queue writes each such word to its log.
        """
        done = frozenset(tags)
        oldest = next((tag for tag in self._unsettled if tag not in done), None)
        early = frozenset(tag for tag in tags if oldest is None or tag < oldest)
        with mapped_errors():
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
        with mapped_errors():
            await self._raw.basic_ack(tag, multiple=True, wait=False)

    async def requeue(self, tag: int) -> None:
        """Return a delivery to its queue, for another consumer."""
        with mapped_errors():
            await self._raw.basic_nack(tag, requeue=True, wait=False)
        self._forget((tag,))

    async def close(self) -> None:
        """Close the channel: its connection ends with it and is made anew."""
        with mapped_errors():
            await self._raw.close()

    async def reject(self, tag: int) -> None:
        """Refuse a delivery for good: it is dead-lettered where its queue says so."""
        with mapped_errors():
            await self._raw.basic_reject(tag, requeue=False, wait=False)
        self._forget((tag,))

    def _forget(self, tags: Iterable[int]) -> None:
        """The broker has been told of them: a word sent later may pass them."""
        for tag in tags:
            self._unsettled.pop(tag, None)
