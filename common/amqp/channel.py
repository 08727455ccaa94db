"""One AMQP channel in our types: publish with a confirm, consume, acknowledge.

aiormq opens it, declares, consumes and closes; publishes, deliveries and acknowledgements are ours.
Exceptions of the library become errors of ``common/errors.py`` here.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import structlog
from aiormq import Channel as UnderlayChannel

from common.amqp.confirms import PublisherConfirms
from common.amqp.consumer import Consumer
from common.amqp.declare import declare
from common.amqp.error_mapping import mapped_errors
from common.amqp.frames.events import Confirmed, Delivered, Event, Returned, Unreadable
from common.amqp.frames.writer import (
    Part,
    encode_ack,
    encode_publish,
    encode_reject,
    encode_requeue,
)
from common.amqp.transport import FrameProtocol
from common.amqp.unsettled import Unsettled
from common.contract.messages import Message
from common.contract.topology import Queue
from common.errors import ConnectionLost, Unconfirmed

log = structlog.get_logger()


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
    """One channel in confirm mode, valid until its connection is lost.

    ``on_unreadable`` is called for each delivery that cannot be read, or whose consumer raises,
    while ``is_replay`` is False: what is replayed was counted when it was new.
    """

    def __init__(
        self,
        raw: UnderlayChannel,
        frames: FrameProtocol,
        on_unreadable: Callable[[], None] = lambda: None,
    ) -> None:
        self._raw = raw
        self._frames = frames
        self._on_unreadable = on_unreadable
        self.is_replay = False
        self._confirms = PublisherConfirms()
        self._unsettled = Unsettled()
        self._consumers: dict[bytes, Consumer] = {}
        self._consumer_numbers = itertools.count(1)
        frames.open_channel(raw.number, self._receive, self._consumers)

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
    ) -> asyncio.Future[object]:
        """Publish and return the confirm, which is done at the latest when the connection ends.

        Do not cancel the confirm: the broker's answer still comes.

        Raises:
            ConnectionLost: the channel has ended; nothing was sent.
        """
        number, max_body_bytes = self._raw.number, self._raw.max_content_size
        message_id = self._confirms.next_message_id
        self._send(
            encode_publish(number, exchange, routing_key, message, message_id, max_body_bytes)
        )
        return self._confirms.expect()

    def end(self, reason: BaseException | None) -> None:
        """Fail all outstanding confirms: the channel has ended because of ``reason``."""
        self._frames.close_channel(self._raw.number, self._receive)
        self._confirms.fail_all(reason)

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
        ``set_prefetch``, or without bound. A delivery that cannot be read, or whose ``on_delivery``
        raises, is logged, and rejected without requeueing; on a stream it is acknowledged.
        """

        def deliver(event: Delivered) -> None:
            on_delivery(Delivery(event.message, self, event.delivery_tag, event.message_id))

        is_stream = "x-stream-offset" in (arguments or {})
        tag = str(next(self._consumer_numbers))  # no other one of this channel ever has it
        self._consumers[tag.encode()] = Consumer(queue, deliver, no_ack, is_stream)
        with mapped_errors():
            if prefetch:
                await self._raw.basic_qos(prefetch_count=prefetch)
            await self._raw.basic_consume(
                queue, _never, no_ack=no_ack, arguments=arguments, consumer_tag=tag
            )
        return tag

    async def cancel(self, consumer_tag: str) -> None:
        """Cancel a consumer; its deliveries so far remain to be acknowledged.

        Returns when the broker has confirmed: until then messages may still be delivered.
        """
        with mapped_errors():
            await self._raw.basic_cancel(consumer_tag)
        self._consumers.pop(consumer_tag.encode(), None)

    async def acknowledge(self, tags: Sequence[int]) -> None:
        """Acknowledge deliveries, in as few frames as possible; settled ones are left out."""
        self._acknowledge(self._unsettled.settle_all(tags))

    async def acknowledge_up_to(self, tag: int) -> None:
        """Acknowledge a delivery and all before it."""
        self._acknowledge(self._unsettled.settle_up_to(tag))

    async def requeue(self, tag: int) -> None:
        """Requeue a delivery, for another consumer."""
        if self._unsettled.settle(tag):
            self._send([encode_requeue(self._raw.number, tag)])

    async def reject(self, tag: int) -> None:
        """Reject a delivery without requeueing it: its queue may dead-letter it."""
        if self._unsettled.settle(tag):
            self._send([encode_reject(self._raw.number, tag)])

    async def close(self) -> None:
        """Close the channel; its connection ends with it and is made anew."""
        with mapped_errors():
            await self._raw.close()

    def _acknowledge(self, acknowledgements: list[tuple[int, bool]]) -> None:
        number = self._raw.number
        self._send([encode_ack(number, tag, multiple=up_to) for tag, up_to in acknowledgements])

    def _send(self, frames: list[Part]) -> None:
        if self._raw.is_closed:
            raise ConnectionLost("The connection to the broker was lost.")
        self._frames.writer.writelines(frames)

    def _receive(self, event: Event) -> None:
        if isinstance(event, Delivered):
            consumer, tag = self._consumers[event.consumer_tag], event.delivery_tag
            if not consumer.no_ack:
                self._unsettled.add(tag)
            if not consumer.deliver(event):
                self._count_unreadable()
                self._refuse(tag, consumer)
        elif isinstance(event, Confirmed):
            self._confirms.settle(event)
        elif isinstance(event, Returned):
            self._confirms.settle_returned(event.message_id)
        elif isinstance(event, Unreadable):
            self._count_unreadable()
            self._refuse_unreadable(event)

    def _count_unreadable(self) -> None:
        if not self.is_replay:
            self._on_unreadable()

    def _refuse_unreadable(self, event: Unreadable) -> None:
        tag, reason = event.delivery_tag, event.reason
        if event.consumer_tag is None:
            log.error("returned message not readable", reason=reason)
            return
        consumer = self._consumers[event.consumer_tag]
        place = {"offset": event.offset} if consumer.is_stream else {}
        log.warning(
            "message not readable", queue=consumer.queue, delivery_tag=tag, reason=reason, **place
        )
        if not consumer.no_ack:
            self._unsettled.add(tag)
            self._refuse(tag, consumer)

    def _refuse(self, tag: int, consumer: Consumer) -> None:
        """Settle a delivery that its consumer will not: a stream takes acknowledgements only."""
        if self.is_open and self._unsettled.settle(tag):
            encode = encode_ack if consumer.is_stream else encode_reject
            self._send([encode(self._raw.number, tag)])


async def _never(_: object) -> None:
    """Stand for a consumer in aiormq, which reads none of its deliveries."""
