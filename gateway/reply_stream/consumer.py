"""Follow the reply stream.

Every gateway reads all of ``predictions.replies``, so every gateway answers for every id. A
restarted gateway replays what may still be asked for and is where it was. It has caught up
when a marker that it published itself comes back: after a start, on each new connection, and
after it stood still.

After a lost connection it goes on where it was (``bookmark.py``); if the stream is another one
then, from the beginning of that.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import uuid4

import structlog

from common.amqp.channel import Channel, Delivery
from common.contract.messages import Message, MessageType
from common.contract.topology import CLOCK_SKEW_S, REPLIES
from common.errors import Unavailable
from gateway.reply_stream.position import EventKey, Step, StreamPosition
from gateway.reply_stream.projection import Projection

PREFETCH: Final = 1000
ACKNOWLEDGE_EVERY: Final = 250
RETRY_S: Final = 1.0
"""How long what is due may wait: a few acknowledgements, or a broker that was away."""

MARKER_TIMEOUT_S: Final = 5.0
RESUME_S: Final = 5.0
"""How long after the marker was confirmed the event to resume at may take to come.

One that is only late costs a replay.
"""

log = structlog.get_logger()


class Publisher(Protocol):
    """What the journal needs of the connection its markers leave by."""

    async def publish(self, message: Message, routing_key: str, *, timeout_s: float) -> None: ...


class ReplyStreamConsumer:
    """Reads the stream over ``attach``-ed channels into ``recorder``.

    It begins ``life_s`` seconds ago, and writes markers over ``publisher``.
    """

    def __init__(
        self,
        recorder: Projection,
        publisher: Publisher,
        life_s: float,
        now_s: Callable[[], float],
    ) -> None:
        self._recorder = recorder
        self._publisher = publisher
        self._replay_s = life_s + CLOCK_SKEW_S
        self._now_s = now_s
        self._bookmark = StreamPosition()
        self._follower: Channel | None = None
        self._left: Channel | None = None
        self._unacknowledged = 0
        self._last_tag = 0
        self._marker = ""
        self._marker_sent = True
        self._marker_due = asyncio.Event()
        self._acknowledgement_due = asyncio.Event()
        self._leaving_due = asyncio.Event()
        self.caught_up = False
        self.lag_s = 0.0

    async def attach(self, follower: Channel) -> None:
        """Follow the stream on a new connection, from where the last one ended."""
        self._follower = follower
        self._unacknowledged = 0
        self._bookmark.open()
        self.fall_behind()
        await follower.consume(
            REPLIES,
            self._on_event,
            prefetch=PREFETCH,
            arguments={"x-stream-offset": self._start()},
        )

    def detach(self) -> None:
        """The connection is gone: what is known stays known, what is new is missed for now."""
        self._follower = None
        self.caught_up = False

    def fall_behind(self) -> None:
        """There may be more in the stream than was read: not caught up until a new marker comes."""
        self.caught_up = False
        self._marker, self._marker_sent = uuid4().hex, False
        self._marker_due.set()

    @property
    def offset(self) -> int:
        """Up to where the stream has been read; -1 if nothing of it has."""
        return -1 if self._bookmark.last is None else self._bookmark.last.offset

    async def run(self) -> None:
        """Send markers and acknowledge what was read, until cancelled.

        Apart from each other: a broker that takes no messages still wants acknowledgements.
        """
        async with asyncio.TaskGroup() as loops:
            loops.create_task(_whenever(self._marker_due, self._send_marker))
            loops.create_task(_whenever(self._acknowledgement_due, self._acknowledge))
            loops.create_task(_whenever(self._leaving_due, self._leave))

    def _start(self) -> int | datetime:
        if self._bookmark.last is not None:
            return self._bookmark.last.offset
        return datetime.fromtimestamp(int(self._now_s() - self._replay_s), UTC)

    def _on_event(self, delivery: Delivery) -> None:
        if delivery.channel is not self._follower:
            return  # late, from a connection that is gone: its successor brings it again
        self._last_tag = delivery.tag
        self._unacknowledged += 1
        if self._unacknowledged == 1:
            _set_later(self._acknowledgement_due)
        elif self._unacknowledged == ACKNOWLEDGE_EVERY:
            self._acknowledgement_due.set()
        step = self._bookmark.step(EventKey.of(delivery))
        if step is Step.NEXT:
            self._read(delivery)
        elif step is Step.OF_ANOTHER_STREAM:
            self._begin_again()

    def _read(self, delivery: Delivery) -> None:
        message = delivery.message
        if message.type == MessageType.MARKER:
            self.caught_up = self.caught_up or message.correlation_id == self._marker
        else:
            self._recorder.record(message, delivery.offset)
        if message.type != MessageType.REQUEST and message.timestamp_s is not None:
            self.lag_s = max(0.0, self._now_s() - message.timestamp_s - 1)  # whole seconds

    def _doubt(self, marker: str) -> None:
        """The marker has been in the stream for a while, and what comes before it never came."""
        if marker == self._marker and self._follower is not None and self._bookmark.is_missing:
            self._begin_again()

    def _begin_again(self) -> None:
        """Read the stream that is there now, on a new connection."""
        log.warning("the reply stream is another one", last=self._bookmark.last)
        self._bookmark.remove()
        self._recorder.begin_again()
        self._left, self._follower = self._follower, None
        self._leaving_due.set()

    async def _leave(self) -> None:
        left, self._left = self._left, None
        if left is not None:
            await left.close()

    async def _send_marker(self) -> None:
        if self._marker_sent or self._follower is None:
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
        asyncio.get_running_loop().call_later(RESUME_S, self._doubt, marker)

    async def _acknowledge(self) -> None:
        if self._follower is not None and self._unacknowledged:
            self._unacknowledged = 0
            await self._follower.acknowledge_up_to(self._last_tag)


async def _whenever(due: asyncio.Event, act: Callable[[], Awaitable[None]]) -> None:
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
