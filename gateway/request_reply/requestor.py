"""The requestor of request-reply: publish a request, await its reply.

"Request-Reply" and "Return Address" in Hohpe and Woolf, Enterprise Integration Patterns,
2003. Each connection has one exclusive reply queue; replies are matched to calls by correlation
id. When a reply queue is lost with its connection, the requests of all waiting calls are published
again, with what is left of their time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from common.amqp.channel import Channel, Delivery
from common.amqp.publisher import Publisher
from common.contract.messages import Message, Reply, final_reply
from common.contract.topology import CANCELLATIONS, REPLIES, async_queue, sync_queue
from common.errors import BrokerAway, ConnectionLost, DeadlineExceeded, Unavailable
from common.telemetry.tracing import Tracer
from gateway.countdown import countdown
from gateway.request_reply.order import Order
from gateway.request_reply.pending import PendingCall, PendingCalls, ReplyQueueLost

BROKER_PATIENCE_S: Final = 5.0
"""Time that a new call waits for a broker that is away."""

T = TypeVar("T")
log = structlog.get_logger()


class Requestor:
    """The requestor: publishes over ``publisher``, and consumes replies over ``consumer``.

    ``now_s`` is Unix time. A ``tracer`` gets a span for each reply.
    """

    def __init__(
        self,
        publisher: Publisher,
        consumer: Publisher,
        now_s: Callable[[], float],
        tracer: Tracer | None = None,
    ) -> None:
        self._publisher = publisher
        self._consumer = consumer
        self._now_s = now_s
        self._tracer = tracer
        self._reply_queue = ""
        self.pending = PendingCalls()
        self.late_replies = 0
        self.ignored = 0
        """Messages in the reply queue that were no replies."""
        self.resent = 0
        """Requests that were published again, on a new connection."""
        self.unserved_models: set[str] = set()
        """Models whose queues have taken requests while no predictor was known to serve them."""

    async def attach(self, channel: Channel) -> None:
        """Consume a new reply queue on a new connection, before its first request."""
        self._reply_queue = await channel.declare_own_queue()
        await channel.consume(self._reply_queue, self._on_reply, no_ack=True)

    def detach(self) -> None:
        """Have all waiting calls publish again: the reply queue is lost with its connection."""
        self.pending.interrupt()

    async def call(self, order: Order, timeout_s: float) -> Reply:
        """Publish a request and wait for its reply, at most ``timeout_s`` seconds.

        Raises:
            DeadlineExceeded: no reply came in time.
            Unavailable: the request could not be published, or its queue refused it.
        """
        with self.pending.open(order.correlation_id, timeout_s) as call:
            try:
                return await self._retry(lambda: self._attempt(order, call), call.remaining_s)
            except DeadlineExceeded:
                if call.is_confirmed:
                    self._note_queued(order)
                raise

    async def submit(self, order: Order, expires_s: float, timeout_s: float) -> None:
        """Publish a request whose reply goes to the stream; return once it is confirmed.

        Raises:
            Unavailable: the request was refused, or not confirmed within ``timeout_s`` seconds.
        """
        left_s = countdown(expires_s)
        await self._publish(
            lambda: order.request(REPLIES, left_s(), self._now_s()),
            async_queue(order.model),
            timeout_s,
        )
        self._note_queued(order)

    async def publish_event(self, event: Message, timeout_s: float) -> None:
        """Publish an event to the reply stream; return once it is confirmed.

        An event that is published again on a new connection may be in the stream twice.

        Raises:
            Unavailable: the event was not confirmed within ``timeout_s`` seconds.
        """
        await self._publish(lambda: event, REPLIES, timeout_s)

    async def publish_cancellation(self, message: Message, timeout_s: float) -> None:
        """Publish a cancellation to all predictors; return once it is confirmed.

        Raises:
            Unavailable: the cancellation was not confirmed; some predictors may not receive it.
        """
        await self._publisher.publish(message, "", timeout_s=timeout_s, exchange=CANCELLATIONS)

    def restore_queues(self) -> None:
        """Reconnect the publisher, which declares the gateway's queues on each connection."""
        self._publisher.reconnect("a queue that it had declared is missing")

    def _note_queued(self, order: Order) -> None:
        """Note that the queue of a model has taken a request."""
        if not order.has_predictor:
            self.unserved_models.add(order.model)
        else:
            self.unserved_models.discard(order.model)

    async def _publish(
        self, message: Callable[[], Message], routing_key: str, timeout_s: float
    ) -> None:
        left_s = countdown(timeout_s)

        async def attempt() -> None:
            await self._publisher.publish(message(), routing_key, timeout_s=left_s())

        await self._retry(attempt, left_s)

    async def _attempt(self, order: Order, call: PendingCall) -> Reply:
        """Publish once, and wait for the reply, which may overtake the confirm."""
        call.begin_attempt()
        if not call.is_settled:  # by a reply or its deadline, between two attempts
            if not self._consumer.is_up:  # lost before this attempt began
                raise BrokerAway("The message broker is not available.")
            request = order.request(self._reply_queue, call.remaining_s(), self._now_s())
            call.track_confirm(self._publisher.publish_nowait(request, sync_queue(order.model)))
        return await call.reply()

    async def _retry(
        self, attempt: Callable[[], Awaitable[T]], remaining_s: Callable[[], float]
    ) -> T:
        """Run ``attempt``; run it again on a new connection each time a lost one ends it."""
        if self._publisher.is_blocked:
            raise Unavailable("The message broker takes no requests now; try again later.")
        await self._ready(min(BROKER_PATIENCE_S, remaining_s()))
        while True:
            try:
                return await attempt()
            except (BrokerAway, ConnectionLost, ReplyQueueLost) as exc:
                log.debug("sending again", reason=str(exc))
                self.resent += 1
            await self._ready(remaining_s())

    async def _ready(self, timeout_s: float) -> None:
        if self._publisher.is_up and self._consumer.is_up:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._publisher.ready(timeout_s)
                await self._consumer.ready(timeout_s)
        except TimeoutError as exc:
            raise BrokerAway("The message broker is not available.") from exc

    def _on_reply(self, delivery: Delivery) -> None:
        message = delivery.message
        if self._tracer is not None and "traceparent" in message.headers:
            self._tracer.delivered(message, self._reply_queue, self._now_s()).end()
        reply = final_reply(message)
        if reply is None:
            self.ignored += 1
            log.warning(
                "not a reply",
                type=message.type,
                correlation_id=message.correlation_id,
                delivery_tag=delivery.tag,
            )
        elif not self.pending.settle(message.correlation_id, reply):
            self.late_replies += 1
