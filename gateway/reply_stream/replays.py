"""Replays: parts of the reply stream, read back for the events that a client has missed.

They use the connection of ``result_store.py``, with a channel of their own. That module says why a
read is never cancelled: if its caller leaves, it ends by itself.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from common.amqp.channel import Channel, Delivery
from common.contract.topology import REPLIES
from common.errors import MalformedRequest, Unavailable
from gateway.prediction_id import PredictionId, spell
from gateway.reply_stream.live_events import Event
from gateway.reply_stream.projection import LIVE_TYPES, read_event

READERS_AT_ONCE: Final = 2
"""Few, since each may read many events of other predictions, which takes CPU time."""

SLOT_TIMEOUT_S: Final = 60.0
"""Time that a read may wait for a slot."""

PREFETCH: Final = 500
ACKNOWLEDGE_EVERY: Final = 250
SILENCE_S: Final = 5.0
"""Time without a delivery after which a read fails."""


@dataclass(eq=False)
class Replay:
    """The events of one prediction, read from offset ``first`` to ``last``."""

    correlation_id: str
    first: int
    last: int
    events: list[Event] = field(default_factory=list)
    is_over: bool = False
    due: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when deliveries are due to be acknowledged, or the replay is over."""
    unacknowledged: list[int] = field(default_factory=list)
    """Delivery tags, with those of other reads over the same channel in between."""

    def on_delivery(self, delivery: Delivery) -> None:
        """Keep the next message of the stream if it is one of the events."""
        self.unacknowledged.append(delivery.tag)
        message, offset = delivery.message, delivery.offset
        is_meant = message.correlation_id == self.correlation_id and message.type in LIVE_TYPES
        if is_meant and self.first <= offset <= self.last:
            with suppress(MalformedRequest):  # logged by the consumer
                self.events.append(read_event(message, offset))
        if offset >= self.last:
            self.is_over = True
        if self.is_over or len(self.unacknowledged) >= ACKNOWLEDGE_EVERY:
            self.due.set()

    def abandon(self) -> None:
        """End the replay: its caller has left, or has all events."""
        self.is_over = True
        self.due.set()


class Replays:
    """The reader of parts of the stream, ``READERS_AT_ONCE`` at once."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._slots = asyncio.Semaphore(READERS_AT_ONCE)
        self._reading: set[asyncio.Task[None]] = set()

    @property
    def reads_under_way(self) -> int:
        """Number of reads that have not ended, abandoned ones included."""
        return len(self._reading)

    def attach(self, channel: Channel) -> None:
        """Read over a new connection."""
        channel.is_replay = True
        self._channel = channel

    def detach(self) -> None:
        """Fail reads under way: their connection is lost."""
        self._channel = None

    async def read(self, prediction_id: PredictionId, first: int, last: int) -> list[Event]:
        """Read the live events of a prediction, from offset ``first`` to ``last``.

        Reads all events in between, of other predictions too; ``last`` has to exist.

        Raises:
            Unavailable: the part cannot be read to its end, or no slot was free in time.
        """
        try:
            async with asyncio.timeout(SLOT_TIMEOUT_S):
                await self._slots.acquire()
        except TimeoutError as exc:
            raise Unavailable("Too much is being read back; try again later.") from exc
        replay = Replay(spell(prediction_id), first, last)
        task = asyncio.create_task(self._run(replay))
        self._reading.add(task)
        task.add_done_callback(self._ended)
        try:
            # Unlike ``await task``, a ``wait`` that is cancelled leaves the task alone.
            await asyncio.wait((task,))
            task.result()
        finally:
            replay.abandon()
        return replay.events

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._slots.release()
        self._reading.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, also if the caller has left

    async def _run(self, replay: Replay) -> None:
        channel = self._channel
        if channel is None:
            raise Unavailable("The message broker is not available.")
        tag = await channel.consume(
            REPLIES,
            replay.on_delivery,
            prefetch=PREFETCH,
            arguments={"x-stream-offset": replay.first},
        )
        try:
            while not replay.is_over:
                await self._acknowledge(channel, replay)
        finally:
            await channel.cancel(tag)
            if replay.unacknowledged:
                await channel.acknowledge(replay.unacknowledged)

    async def _acknowledge(self, channel: Channel, replay: Replay) -> None:
        """Wait for deliveries, and acknowledge them.

        Raises:
            Unavailable: there was no delivery for ``SILENCE_S`` seconds.
        """
        before = len(replay.unacknowledged)
        with suppress(TimeoutError):
            async with asyncio.timeout(SILENCE_S):
                await replay.due.wait()
        if len(replay.unacknowledged) == before and not replay.due.is_set():
            raise Unavailable("What was missed could not be read back in time.")
        replay.due.clear()
        if tags := replay.unacknowledged:
            replay.unacknowledged = []
            await channel.acknowledge(tags)
