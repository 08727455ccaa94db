"""Read back from the reply stream what a client has missed of a prediction.

Over the connection that single results are read back over, on a channel of its own: see
``archive.py`` for why a read, once begun, ends by itself when its caller leaves.
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
from gateway.reply_stream.projection import GOES_ON, event_of

READERS_AT_ONCE: Final = 2
"""Each may read much that is not for its caller, and costs this process time for it."""

SLOT_TIMEOUT_S: Final = 60.0
"""How long a read may wait for its turn."""

PREFETCH: Final = 500
ACKNOWLEDGE_EVERY: Final = 250
SILENCE_S: Final = 5.0
"""How long nothing may come from a part of the stream that is there."""


@dataclass(eq=False)
class Replay:
    """What stands in the stream about one prediction, from ``first`` to ``last``."""

    correlation_id: str
    first: int
    last: int
    events: list[Event] = field(default_factory=list)
    is_over: bool = False
    due: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there is something to acknowledge, or it is over."""
    unacknowledged: list[int] = field(default_factory=list)
    """Delivery tags. Others read over the same channel: theirs stand between."""

    def read(self, delivery: Delivery) -> None:
        """The next message of the stream."""
        self.unacknowledged.append(delivery.tag)
        message, offset = delivery.message, delivery.offset
        is_meant = message.correlation_id == self.correlation_id and message.type in GOES_ON
        if is_meant and self.first <= offset <= self.last:
            with suppress(MalformedRequest):  # the journal has logged it
                self.events.append(event_of(message, offset))
        if offset >= self.last:
            self.is_over = True
        if self.is_over or len(self.unacknowledged) >= ACKNOWLEDGE_EVERY:
            self.due.set()

    def leave(self) -> None:
        """Nobody wants it any more."""
        self.is_over = True
        self.due.set()


class Replays:
    """Reads parts of the stream, ``READERS_AT_ONCE`` at once."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._slots = asyncio.Semaphore(READERS_AT_ONCE)
        self._reading: set[asyncio.Task[None]] = set()

    @property
    def reads_under_way(self) -> int:
        """Reads that have begun and not ended, whoever still wants them."""
        return len(self._reading)

    def attach(self, channel: Channel) -> None:
        """Read over a new connection."""
        self._channel = channel

    def detach(self) -> None:
        """The connection is gone; reads under way fail."""
        self._channel = None

    async def read(self, prediction_id: PredictionId, first: int, last: int) -> list[Event]:
        """The events of a prediction that goes on, from offset ``first`` to ``last``.

        Takes as long as it takes to read all that stands between them; ``last`` has to be there.

        Raises:
            Unavailable: it cannot be read to its end, or its turn did not come.
        """
        try:
            async with asyncio.timeout(SLOT_TIMEOUT_S):
                await self._slots.acquire()
        except TimeoutError as exc:
            raise Unavailable("Too much is being read back; try again later.") from exc
        reading = Replay(spell(prediction_id), first, last)
        task = asyncio.create_task(self._run(reading))
        self._reading.add(task)
        task.add_done_callback(self._ended)
        try:
            await asyncio.wait((task,))  # leaves the task alone when we are cancelled
            task.result()
        finally:
            reading.leave()
        return reading.events

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._slots.release()
        self._reading.discard(task)
        if not task.cancelled():
            task.exception()  # seen, even when the caller has left

    async def _run(self, reading: Replay) -> None:
        channel = self._channel
        if channel is None:
            raise Unavailable("The message broker is not available.")
        tag = await channel.consume(
            REPLIES,
            reading.read,
            prefetch=PREFETCH,
            arguments={"x-stream-offset": reading.first},
        )
        try:
            while not reading.is_over:
                await self._acknowledge(channel, reading)
        finally:
            await channel.cancel(tag)
            if reading.unacknowledged:
                await channel.acknowledge(reading.unacknowledged)

    async def _acknowledge(self, channel: Channel, reading: Replay) -> None:
        """Acknowledge what has come, when there is enough of it.

        Raises:
            Unavailable: nothing comes.
        """
        before = len(reading.unacknowledged)
        with suppress(TimeoutError):
            async with asyncio.timeout(SILENCE_S):
                await reading.due.wait()
        if len(reading.unacknowledged) == before and not reading.due.is_set():
            raise Unavailable("What was missed could not be read back in time.")
        reading.due.clear()
        if tags := reading.unacknowledged:
            reading.unacknowledged = []
            await channel.acknowledge(tags)
