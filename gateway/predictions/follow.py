"""The use case of followers: the events of a prediction, as they come. No HTTP words."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final

import msgspec

from common.contract.messages import MessageType, Reply
from common.errors import Unavailable, UnknownPrediction
from gateway.prediction_id import PredictionId
from gateway.reply_stream.live_events import Event, Follower
from gateway.reply_stream.reply_stream import ReplyStream

KEEP_ALIVE_S: Final = 15.0
"""Time without an event after which a follower gets a ``KeepAlive``."""


class Pending(msgspec.Struct, frozen=True):
    """The first item for a new follower; all later events come after ``offset``."""

    offset: int


class KeepAlive(msgspec.Struct, frozen=True):
    """The item for a time without events; the stream has been read up to ``offset``."""

    offset: int


class Ending(msgspec.Struct, frozen=True):
    """The last item: the final state, which is at ``offset``."""

    offset: int
    reply: Reply


StreamItem = Pending | Event | KeepAlive | Ending


class Follow:
    """The events of a prediction, without a gap and without a repetition.

    ``is_alive`` returns whether a prediction's life goes on.
    """

    def __init__(self, stream: ReplyStream, is_alive: Callable[[PredictionId], bool]) -> None:
        self._stream = stream
        self._is_alive = is_alive

    def has_ended_at(self, prediction_id: PredictionId, offset: int | None) -> bool:
        """Return whether the event at ``offset`` is the final one: no event comes after it."""
        return offset is not None and offset == self._stream.store.offset(prediction_id)

    async def follow(
        self, prediction_id: PredictionId, after: int | None
    ) -> AsyncIterator[StreamItem]:
        """Yield the events after offset ``after``; if it is None, the last known ones and new ones.

        Ends with the ``Ending``. Ends without it if this gateway shuts down, the follower does not
        keep up, or an event cannot be read back; a client can then resume after its last event.
        """
        with self._stream.live_events.follow(prediction_id) as follower:
            final_offset = self._stream.store.offset(prediction_id)
            read_up_to = self._stream.position  # the follower gets later events
            try:
                if after is not None:
                    last = read_up_to if final_offset is None else final_offset
                    yield KeepAlive(after)  # the head of the response leaves with it
                    async with aclosing(self._missed(prediction_id, after, last)) as missed:
                        async for event in missed:
                            yield event
                elif final_offset is None:
                    for first in self._first_items(prediction_id, read_up_to):
                        yield first
                if final_offset is None:
                    async for item in self._live(prediction_id, follower, after):
                        yield item
                else:
                    yield await self._ending(prediction_id, final_offset)
            except (Unavailable, UnknownPrediction):
                return

    def _first_items(self, prediction_id: PredictionId, read_up_to: int) -> list[Pending | Event]:
        """List the first items for a new follower: ``Pending``, last start, last progress."""
        known = self._stream.live_events.last_events(prediction_id).in_order()
        return [Pending(known[0].offset - 1 if known else read_up_to), *known]

    async def _missed(
        self, prediction_id: PredictionId, after: int, last: int
    ) -> AsyncGenerator[Event | KeepAlive, None]:
        """Yield the events from ``after`` to ``last``, read back from the stream."""
        if last <= after:
            return
        reading = asyncio.create_task(self._stream.replays.read(prediction_id, after + 1, last))
        try:
            while not (await asyncio.wait((reading,), timeout=KEEP_ALIVE_S))[0]:
                yield KeepAlive(after)
            for event in reading.result():
                yield event
        finally:
            reading.cancel()

    async def _live(
        self, prediction_id: PredictionId, follower: Follower, after: int | None
    ) -> AsyncIterator[StreamItem]:
        """Yield new events, without those up to ``after``, which another gateway has sent."""
        while self._is_alive(prediction_id):
            event = await follower.next(KEEP_ALIVE_S)
            if event is None:
                if follower.has_ended:
                    return
                yield KeepAlive(max(self._stream.position, -1 if after is None else after))
            elif event.type not in (MessageType.STARTED, MessageType.PROGRESS):
                yield await self._ending(prediction_id, event.offset)
                return
            elif after is None or event.offset > after:
                yield event

    async def _ending(self, prediction_id: PredictionId, offset: int) -> Ending:
        """Return the last item.

        Raises:
            Unavailable, UnknownPrediction: the final state cannot be read.
        """
        reply = await self._stream.store.find(prediction_id)
        if reply is None:
            raise UnknownPrediction  # its life has ended
        return Ending(offset, reply)
