"""The requestor of request-reply: publish a request, await its reply.

"Request-Reply" and "Return Address" in Hohpe and Woolf, Enterprise Integration Patterns,
2003. One exclusive reply queue for each connection; replies find their caller by correlation
id. A request whose reply can no longer come, because the reply queue went with its
connection, is sent again with what is left of its time.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec
import structlog

from common.amqp.channel import Channel, Delivery
from common.amqp.publisher import Publisher
from common.contract.messages import Message, Reply, Request, final_reply
from common.contract.topology import REPLIES, async_queue, sync_queue
from common.errors import (
    BrokerAway,
    ConnectionLost,
    Unavailable,
)
from common.telemetry.tracing import Tracer
from gateway.countdown import countdown
from gateway.prediction_id import PredictionId, spell
from gateway.request_reply.pending import PendingCall, PendingCalls, ReplyQueueLost

BROKER_PATIENCE_S: Final = 5.0
"""How long a new call waits for a broker that is away."""

T = TypeVar("T")
log = structlog.get_logger()


class Order(msgspec.Struct, frozen=True):
    """A prediction to be asked for, before it has a return address."""

    prediction_id: PredictionId
    model: str
    body: bytes
    traceparent: str | None = None
    tracestate: str | None = None

    @property
    def correlation_id(self) -> str:
        """The prediction's id, as messages spell it."""
        return spell(self.prediction_id)

    def request(self, reply_to: str, expires_s: float, now_s: float) -> Message:
        """The request as it travels. Milliseconds are rounded up: ``expiration`` is ≥ 1."""
        return Request(
            correlation_id=self.correlation_id,
            body=self.body,
            reply_to=reply_to,
            expiration_ms=max(1, math.ceil(expires_s * 1000)),
            timestamp_s=int(now_s),
            traceparent=self.traceparent,
            tracestate=self.tracestate,
        ).to_message()


class Requestor:
    """Sends requests over ``publisher``; replies come back over ``consumer``.

    ``now_s`` is Unix time. A ``tracer`` is told of each reply.
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
        self.resent = 0
        """Requests that were sent again, on a new connection."""

    async def attach(self, channel: Channel) -> None:
        """Consume a reply queue of our own on a new connection, before anything is sent."""
        self._reply_queue = await channel.declare_own_queue()
        await channel.consume(self._reply_queue, self._on_reply, no_ack=True)

    def detach(self) -> None:
        """The connection is gone, and the reply queue with it: calls send again."""
        self.pending.interrupt()

    async def call(self, order: Order, timeout_s: float) -> Reply:
        """Ask for a prediction and wait for its reply, at most ``timeout_s`` seconds.

        Raises:
            DeadlineExceeded: no reply came in time.
            Unavailable: the request could not be sent, or its queue refused it.
        """
        with self.pending.open(order.correlation_id, timeout_s) as call:
            return await self._persist(lambda: self._attempt(order, call), call.remaining_s)

    async def submit(self, order: Order, expires_s: float, timeout_s: float) -> None:
        """Queue a prediction whose reply goes to the stream; returns once it is confirmed.

        Raises:
            Unavailable: it was refused, or not confirmed within ``timeout_s`` seconds.
        """
        left_s = countdown(expires_s)
        await self._deliver(
            lambda: order.request(REPLIES, left_s(), self._now_s()),
            async_queue(order.model),
            timeout_s,
        )

    async def tell(self, event: Message, timeout_s: float) -> None:
        """Put an event into the stream; returns once it is confirmed, so it may be there twice.

        Raises:
            Unavailable: it was not confirmed within ``timeout_s`` seconds.
        """
        await self._deliver(lambda: event, REPLIES, timeout_s)

    def restore_queues(self) -> None:
        """Have the queues declared again that are declared with the connection."""
        self._publisher.reconnect("a queue that it had declared is missing")

    async def _deliver(
        self, message: Callable[[], Message], routing_key: str, timeout_s: float
    ) -> None:
        left_s = countdown(timeout_s)

        async def attempt() -> None:
            await self._publisher.publish(message(), routing_key, timeout_s=left_s())

        await self._persist(attempt, left_s)

    async def _attempt(self, order: Order, call: PendingCall) -> Reply:
        """The confirm is not waited for: the reply may overtake it."""
        call.begin_attempt()
        if not call.is_settled:  # by a reply, or its deadline, between two attempts
            if not self._consumer.is_up:  # its end was told before the attempt began
                raise BrokerAway("The message broker is not available.")
            request = order.request(self._reply_queue, call.remaining_s(), self._now_s())
            call.follow(self._publisher.publish_nowait(request, sync_queue(order.model)))
        return await call.reply()

    async def _persist(
        self, attempt: Callable[[], Awaitable[T]], remaining_s: Callable[[], float]
    ) -> T:
        """Repeat ``attempt`` on each new connection, until it ends for another reason."""
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
            log.warning("not a reply", type=message.type, correlation_id=message.correlation_id)
        elif not self.pending.settle(message.correlation_id, reply):
            self.late_replies += 1
