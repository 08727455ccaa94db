"""The read-through store of final states: from memory, or from the reply stream by offset.

Reads use a connection of their own. aiormq closes a channel when a call on it is cancelled, and the
connection is lost with the channel. So a read that has begun goes on when its caller leaves; and if
a read fails all the same, no pending call loses its reply queue.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from common.amqp.channel import Channel, Delivery
from common.contract.messages import Message, Reply, final_reply
from common.contract.topology import REPLIES
from common.errors import Unavailable, UnknownPrediction
from gateway.prediction_id import PredictionId, spell
from gateway.reply_stream.results import LOST, Results

READ_TIMEOUT_S: Final = 5.0
READS_AT_ONCE: Final = 16
REPLAYING: Final = "The results are being read again; try again later."
TOO_LATE: Final = "The result could not be read back in time."


class ResultStore:
    """The final states in ``results``; at most ``READS_AT_ONCE`` are read back at once.

    ``has_caught_up`` returns whether ``results`` has all final states of the stream.
    """

    def __init__(self, results: Results, has_caught_up: Callable[[], bool]) -> None:
        self._results = results
        self._has_caught_up = has_caught_up
        self._channel: Channel | None = None
        self._slots = asyncio.Semaphore(READS_AT_ONCE)
        self._reading: set[asyncio.Task[Message]] = set()

    async def attach(self, channel: Channel) -> None:
        """Read over a new connection."""
        channel.is_replay = True
        await channel.set_prefetch(1)
        self._channel = channel

    def detach(self) -> None:
        """Fail reads under way: their connection is lost."""
        self._channel = None

    def offset(self, prediction_id: PredictionId) -> int | None:
        """Return the offset of the final state, if one is known; ``LOST`` if its stream is lost."""
        return self._results.offset(prediction_id)

    async def find(self, prediction_id: PredictionId) -> Reply | None:
        """Find the final state of a prediction; None if it has none yet.

        Raises:
            UnknownPrediction: the final state was lost with its stream.
            Unavailable: the final state could not be read within ``READ_TIMEOUT_S`` seconds, or
                its offset is not known yet.
        """
        found = self._results.get(prediction_id)
        if not isinstance(found, int):
            return found
        if found == LOST:
            raise UnknownPrediction if self._has_caught_up() else Unavailable(REPLAYING)
        message = await self._read_back(found)
        if message.correlation_id != spell(prediction_id):
            raise UnknownPrediction
        return final_reply(message)

    async def _read_back(self, offset: int) -> Message:
        """Read the message at ``offset``; ``READ_TIMEOUT_S`` includes the wait for a slot."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + READ_TIMEOUT_S
        try:
            async with asyncio.timeout_at(deadline_s):
                await self._slots.acquire()  # if the caller leaves during this wait, no read begins
        except TimeoutError as exc:
            raise Unavailable(TOO_LATE) from exc
        reading = asyncio.create_task(self._read(offset))
        self._reading.add(reading)
        reading.add_done_callback(self._ended)
        # Unlike a timeout, a ``wait`` that is over or cancelled leaves the task alone.
        await asyncio.wait((reading,), timeout=deadline_s - loop.time())
        if not reading.done():
            raise Unavailable(TOO_LATE)
        return reading.result()

    def _ended(self, reading: asyncio.Task[Message]) -> None:
        self._slots.release()
        self._reading.discard(reading)
        if not reading.cancelled():
            reading.exception()  # retrieved, also if the caller has left

    async def _read(self, offset: int) -> Message:
        channel = self._channel
        if channel is None:
            raise Unavailable("The message broker is not available.")
        found: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()

        def on_delivery(delivery: Delivery) -> None:
            if not found.done():
                found.set_result(delivery)

        tag = await channel.consume(REPLIES, on_delivery, arguments={"x-stream-offset": offset})
        await asyncio.wait((found,), timeout=READ_TIMEOUT_S)
        await channel.cancel(tag)
        if not found.done():
            raise Unavailable(TOO_LATE)
        delivery = found.result()
        await channel.acknowledge([delivery.tag])
        return delivery.message
