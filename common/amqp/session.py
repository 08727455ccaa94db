"""The life of one connection to the broker: from its login until any part of it ends."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiormq import Channel as UnderlayChannel
from aiormq.exceptions import ChannelNotFoundEntity

from common.amqp import aiormq_internals
from common.amqp.aiormq_internals import FrameConnection
from common.amqp.channel import Channel
from common.amqp.error_mapping import mapped_errors
from common.contract.topology import STREAMS


class Session:
    """A live connection with its channels; when any of them ends, the session ends.

    ``on_end`` is called then, synchronously, so that nothing is published on a session that has
    ended; after it ``ended`` is done, with the reason. ``on_unreadable`` is called for each
    delivery that cannot be read.
    """

    def __init__(
        self,
        raw: FrameConnection,
        on_end: Callable[[], None],
        on_unreadable: Callable[[], None] = lambda: None,
    ) -> None:
        """Watch a connection that is logged in.

        Raises:
            ConnectionLost: it has been lost since.
        """
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._raw = raw
        self._on_end = on_end
        self._on_unreadable = on_unreadable
        self._opening = asyncio.Lock()
        """Held while a channel is opened, and until one that the broker may close is closed.

        aiormq gives the number of a channel that the broker has closed to the next one, and may
        open that before it has confirmed the end of the first, for which the broker ends the
        connection.
        """
        self._publisher: Channel | None = None
        self._stream_publishers: dict[str, Channel] = {}
        aiormq_internals.underlay(raw).closing.add_done_callback(self._on_connection_closed)

    @property
    def is_blocked(self) -> bool:
        """True while the broker takes no messages from this connection (memory or disk alarm)."""
        return aiormq_internals.is_blocked(self._raw)

    def end(self, reason: str) -> None:
        """End the session; the first ``reason`` counts."""
        if not self.ended.done():
            self._on_end()
            self.ended.set_result(reason)

    async def channel(self) -> Channel:
        """Open a channel whose end is the session's end.

        Raises:
            ConnectionLost: the connection has ended.
        """
        with mapped_errors():
            async with self._opening:
                raw = await aiormq_internals.underlay(self._raw).channel()
        assert isinstance(raw, UnderlayChannel)  # aiormq's own, not that of another transport
        channel = Channel(raw, self._raw.frames, self._on_unreadable)

        def on_closed(closing: asyncio.Future[Any]) -> None:
            reason = _reason(closing)
            self.end(f"a channel was closed: {_describe(reason)}")
            channel.end(reason)

        raw.closing.add_done_callback(on_closed)
        raw.on_consumer_cancel_callbacks.add(lambda _: self.end("the broker cancelled a consumer"))
        return channel

    async def count_consumers(self, queue: str) -> int:
        """Return the number of consumers of a queue; 0 if there is no such queue.

        The question has a channel of its own, whose end is not the session's end: the broker closes
        a channel that asks for a queue that is not there.

        Raises:
            ConnectionLost: the connection has ended.
        """
        with mapped_errors():
            async with self._opening:
                asking = await aiormq_internals.underlay(self._raw).channel(
                    publisher_confirms=False
                )
                try:
                    declared = await asking.queue_declare(queue, passive=True)
                except ChannelNotFoundEntity:
                    return 0
                await asking.close()
                return int(declared.consumer_count or 0)

    async def open_publishers(self) -> None:
        """Open the channels to publish on: one for each stream, and one for everything else.

        RabbitMQ (3.10 to 4.0) sends what is unconfirmed to a stream's new leader under its number
        in the channel, not in the stream: what follows would pass for a repetition, and be
        confirmed and dropped. On a channel for that stream alone the two numbers are one.
        """
        self._publisher = await self.channel()
        self._stream_publishers = {name: await self.channel() for name in STREAMS}

    def publisher_of(self, routing_key: str) -> Channel | None:
        """Return the channel to publish on; None before ``open_publishers``."""
        return self._stream_publishers.get(routing_key, self._publisher)

    def _on_connection_closed(self, closing: asyncio.Future[Any]) -> None:
        self.end(f"the connection was closed: {_describe(_reason(closing))}")


def _reason(closing: asyncio.Future[Any]) -> BaseException | None:
    """Return the reason that the broker or the network gave for an end."""
    return asyncio.CancelledError() if closing.cancelled() else closing.exception()


def _describe(reason: BaseException | None) -> str:
    return str(reason) or type(reason).__name__ if reason else "no reason given"
