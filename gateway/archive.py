"""Read single final states back from the reply stream, by their offsets.

Over a connection of its own. aiormq closes a channel when a call on it is cancelled, and with
the channel goes the connection; so a read, once begun, goes on when its caller leaves, and if
one fails all the same, no pending call loses its reply queue.
"""

import asyncio
from typing import Final

from common.channel import Channel, Delivery
from common.errors import Unavailable
from common.messages import Message, Reply, final_reply
from common.topology import REPLIES
from gateway.prediction_id import PredictionId, spell

READ_TIMEOUT_S: Final = 5.0
READS_AT_ONCE: Final = 16


class Archive:
    """Reads over the ``attach``-ed channel, ``READS_AT_ONCE`` at once."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._slots = asyncio.Semaphore(READS_AT_ONCE)
        self._reading: set[asyncio.Task[Message]] = set()

    async def attach(self, channel: Channel) -> None:
        """Read over a new connection."""
        await channel.limit_prefetch(1)
        self._channel = channel

    def detach(self) -> None:
        """The connection is gone; reads under way fail."""
        self._channel = None

    async def read(self, prediction_id: PredictionId, offset: int) -> Reply | None:
        """Read one final state back from the stream; None if the stream has dropped it.

        Raises:
            Unavailable: it could not be read within ``READ_TIMEOUT_S`` seconds.
        """
        reading = asyncio.create_task(self._read(offset))
        self._reading.add(reading)
        reading.add_done_callback(self._ended)
        # Unlike a timeout, ``wait`` leaves the task alone when its time is up or we are cancelled.
        await asyncio.wait((reading,), timeout=READ_TIMEOUT_S)
        if not reading.done():
            raise Unavailable("The result could not be read back in time.")
        message = reading.result()
        return final_reply(message) if message.correlation_id == spell(prediction_id) else None

    def _ended(self, reading: asyncio.Task[Message]) -> None:
        self._reading.discard(reading)
        if not reading.cancelled():
            reading.exception()  # seen, even when the caller has left

    async def _read(self, offset: int) -> Message:
        async with self._slots:
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
                raise Unavailable("The result could not be read back in time.")
            delivery = found.result()
            await channel.acknowledge(delivery.tag)
            return delivery.message
