"""The consumer of the reply stream.

Every gateway consumes all of ``predictions.replies``, so every gateway can look up every id. A
restarted gateway replays the part that may still be looked up. After a start, on each new
connection and after a stall, a gateway publishes a marker; when that is delivered, the gateway has
caught up.

After a lost connection the consumer resumes at its last position (``position.py``); if the stream
is another one by then, it is read from its beginning.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import structlog

from common.amqp.channel import Channel, Delivery
from common.amqp.publisher import Publisher
from common.contract.messages import Message, MessageType
from common.contract.topology import CLOCK_SKEW_S, REPLIES
from common.errors import Unavailable
from common.telemetry.tracing import Tracer
from gateway.reply_stream.position import EventKey, Step, StreamPosition
from gateway.reply_stream.projection import Projection

PREFETCH: Final = 1000
ACKNOWLEDGE_EVERY: Final = 250
RETRY_S: Final = 1.0
"""Delay of acknowledgements while they are few, and of retries while the broker is away."""

MARKER_TIMEOUT_S: Final = 5.0
RESUME_S: Final = 5.0
"""Time after the marker's confirm in which the event to resume at has to be delivered.

If the event is merely late, the stream is replayed without need.
"""

log = structlog.get_logger()


class ReplyStreamConsumer:
    """The consumer: applies the stream to ``projection``, over ``attach``-ed channels.

    It begins ``life_s`` seconds ago, and publishes markers over ``publisher``. ``now_s`` is Unix
    time. A ``tracer`` gets a span for each new final state.
    """

    def __init__(
        self,
        projection: Projection,
        publisher: Publisher,
        life_s: float,
        now_s: Callable[[], float],
        tracer: Tracer | None = None,
    ) -> None:
        self._projection = projection
        self._tracer = tracer
        self._publisher = publisher
        self._replay_s = life_s + CLOCK_SKEW_S
        self._now_s = now_s
        self._position = StreamPosition()
        self._channel: Channel | None = None
        self._outdated: Channel | None = None
        self._unacknowledged = 0
        self._last_tag = 0
        self._marker = ""
        self._marker_sent = True
        self._marker_due = asyncio.Event()
        self._acknowledgement_due = asyncio.Event()
        self._close_due = asyncio.Event()
        self._has_replayed = False
        """True from the first marker on: what follows it in the stream is new, and counted."""
        self.caught_up = False
        self.lag_s = 0.0

    async def attach(self, channel: Channel) -> None:
        """Consume the stream on a new connection, from where the last one ended."""
        self._channel = channel
        channel.is_replay = not self._has_replayed
        self._unacknowledged = 0
        self._position.resume()
        self.fall_behind()
        await channel.consume(
            REPLIES,
            self._on_delivery,
            prefetch=PREFETCH,
            arguments={"x-stream-offset": self._start()},
        )

    def detach(self) -> None:
        """Count as not caught up: the connection is lost. The state in memory stays."""
        self._channel = None
        self.caught_up = False

    def fall_behind(self) -> None:
        """Count as not caught up until a new marker is delivered."""
        self.caught_up = False
        self._marker, self._marker_sent = uuid4().hex, False
        self._marker_due.set()

    @property
    def offset(self) -> int:
        """The offset up to which the stream has been read; -1 before its first event."""
        return -1 if self._position.last is None else self._position.last.offset

    async def run(self) -> None:
        """Publish markers and acknowledge deliveries, until cancelled.

        In separate tasks: a broker that blocks publishers still takes acknowledgements.
        """
        async with asyncio.TaskGroup() as loops:
            loops.create_task(_repeat_when(self._marker_due, self._send_marker))
            loops.create_task(_repeat_when(self._acknowledgement_due, self._acknowledge))
            loops.create_task(_repeat_when(self._close_due, self._close))

    def _start(self) -> int | datetime:
        if self._position.last is not None:
            return self._position.last.offset
        return datetime.fromtimestamp(int(self._now_s() - self._replay_s), UTC)

    def _on_delivery(self, delivery: Delivery) -> None:
        if delivery.channel is not self._channel:
            return  # from a lost connection: it is delivered again on the new one
        self._last_tag = delivery.tag
        self._unacknowledged += 1
        if self._unacknowledged == 1:
            _set_later(self._acknowledgement_due)
        elif self._unacknowledged == ACKNOWLEDGE_EVERY:
            self._acknowledgement_due.set()
        step = self._position.step(EventKey.from_delivery(delivery))
        if step is Step.NEXT:
            self._read(delivery)
        elif step is Step.OF_ANOTHER_STREAM:
            self._begin_again()

    def _read(self, delivery: Delivery) -> None:
        message = delivery.message
        if message.type == MessageType.MARKER:
            if message.correlation_id == self._marker:
                self.caught_up = self._has_replayed = True
                delivery.channel.is_replay = False
                self._projection.begin_counting()
        else:
            is_final = self._projection.apply(message, delivery.offset)
            if is_final and self._tracer is not None and self.caught_up:
                self._trace(self._tracer, message)
        if message.type != MessageType.REQUEST and message.timestamp_s is not None:
            self.lag_s = max(0.0, self._now_s() - message.timestamp_s - 1)  # whole seconds

    def _trace(self, tracer: Tracer, message: Message) -> None:
        """Trace a new final state; those of a replay were traced when they were new."""
        if "traceparent" in message.headers:
            tracer.delivered(message, REPLIES, self._now_s()).end()

    def _check_position(self, marker: str) -> None:
        """Begin again if the event to resume at is missing, though the stream has the marker."""
        if marker == self._marker and self._channel is not None and self._position.is_missing:
            self._begin_again()

    def _begin_again(self) -> None:
        """Read the stream that exists now, on a new connection."""
        log.warning("the reply stream is another one", last=self._position.last)
        self._position.reset()
        self._projection.begin_again()
        self._outdated, self._channel = self._channel, None
        self._close_due.set()

    async def _close(self) -> None:
        outdated, self._outdated = self._outdated, None
        if outdated is not None:
            await outdated.close()

    async def _send_marker(self) -> None:
        if self._marker_sent or self._channel is None:
            return
        marker = self._marker
        await self._publisher.publish(
            Message(
                type=MessageType.MARKER,
                body=b"",
                correlation_id=marker,
                timestamp_s=int(self._now_s()),
            ),
            REPLIES,
            timeout_s=MARKER_TIMEOUT_S,
        )
        self._marker_sent = marker == self._marker
        asyncio.get_running_loop().call_later(RESUME_S, self._check_position, marker)

    async def _acknowledge(self) -> None:
        if self._channel is not None and self._unacknowledged:
            self._unacknowledged = 0
            await self._channel.acknowledge_up_to(self._last_tag)


async def _repeat_when(due: asyncio.Event, act: Callable[[], Awaitable[None]]) -> None:
    while True:
        await due.wait()
        due.clear()
        try:
            await act()
        except Unavailable as exc:
            log.info("journal waits for the broker", reason=str(exc))
            _set_later(due)


def _set_later(due: asyncio.Event) -> None:
    asyncio.get_running_loop().call_later(RETRY_S, due.set)
