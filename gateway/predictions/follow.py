"""The use case of those who follow a prediction: what happens, as it happens. No HTTP."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final, Protocol

import msgspec

from common.contract.messages import MessageType, Reply
from common.contract.progress import Progress
from common.errors import Unavailable, UnknownPrediction
from gateway.prediction_id import PredictionId
from gateway.reply_stream.live_events import Event, Follower, LiveEvents

QUIET_S: Final = 15.0
"""How long nothing may be told before that is told."""


class Archive(Protocol):
    """Final states by prediction id."""

    async def find(self, prediction_id: PredictionId) -> Reply | None: ...
    def offset(self, prediction_id: PredictionId) -> int | None: ...


class Replays(Protocol):
    """What stands in the stream about a prediction that goes on."""

    async def read(self, prediction_id: PredictionId, first: int, last: int) -> list[Event]: ...


class Pending(msgspec.Struct, frozen=True):
    """Nothing more is known; all there will be comes after ``offset``."""

    offset: int


class KeepAlive(msgspec.Struct, frozen=True):
    """Nothing has happened up to ``offset``."""

    offset: int


class Ending(msgspec.Struct, frozen=True):
    """The final state."""

    offset: int
    reply: Reply


StreamItem = Pending | Event | KeepAlive | Ending


class Follow:
    """Tells what the stream has on a prediction, without a gap and without a repetition.

    ``read_up_to`` is the offset up to which ``under_way`` and ``archive`` know the stream, -1 if
    they know nothing of it; ``is_alive`` whether a prediction's life goes on.
    """

    def __init__(
        self,
        archive: Archive,
        under_way: LiveEvents,
        replays: Replays,
        read_up_to: Callable[[], int],
        is_alive: Callable[[PredictionId], bool],
    ) -> None:
        self._archive = archive
        self._under_way = under_way
        self._replays = replays
        self._read_up_to = read_up_to
        self._is_alive = is_alive

    def has_been_told(self, prediction_id: PredictionId, after: int | None) -> bool:
        """Whether the event at ``after`` is the final one: nothing comes after it."""
        return after is not None and after == self._archive.offset(prediction_id)

    def last_progress(self, prediction_id: PredictionId) -> Progress | None:
        """How far a prediction that goes on has come, if anybody has told."""
        event = self._under_way.last_events(prediction_id).progress
        return event.progress if event else None

    async def follow(
        self, prediction_id: PredictionId, after: int | None
    ) -> AsyncIterator[StreamItem]:
        """What happens after offset ``after``; without one what is known now, and what comes.

        Ends with the ending; without one when this gateway is to end, the follower does not keep
        up, or something cannot be read back: then a follower resumes after what it was told last.
        """
        with self._under_way.follow(prediction_id) as follower:
            ended = self._archive.offset(prediction_id)
            here = self._read_up_to()  # what comes after it, the follower is told
            try:
                if after is not None:
                    upto = here if ended is None else ended
                    yield KeepAlive(after)  # so that the head of the answer leaves at once
                    async with aclosing(self._missed(prediction_id, after, upto)) as missed:
                        async for event in missed:
                            yield event
                elif ended is None:
                    for known in self._so_far(prediction_id, here):
                        yield known
                if ended is None:
                    async for told in self._live(prediction_id, follower, after):
                        yield told
                else:
                    yield await self._ending(prediction_id, ended)
            except (Unavailable, UnknownPrediction):
                return

    def _so_far(self, prediction_id: PredictionId, here: int) -> list[Pending | Event]:
        """What somebody gets who has been told nothing: it leaves out progress but the last."""
        known = self._under_way.last_events(prediction_id).in_order()
        return [Pending(known[0].offset - 1 if known else here), *known]

    async def _missed(
        self, prediction_id: PredictionId, after: int, upto: int
    ) -> AsyncGenerator[Event | KeepAlive, None]:
        """What happened behind ``after``, as far as it is not told live."""
        if upto <= after:
            return
        reading = asyncio.create_task(self._replays.read(prediction_id, after + 1, upto))
        try:
            while not (await asyncio.wait((reading,), timeout=QUIET_S))[0]:
                yield KeepAlive(after)
            for event in reading.result():
                yield event
        finally:
            reading.cancel()

    async def _live(
        self, prediction_id: PredictionId, follower: Follower, after: int | None
    ) -> AsyncIterator[StreamItem]:
        """What happens from now on; but for what another gateway has told already."""
        while self._is_alive(prediction_id):
            event = await follower.next(QUIET_S)
            if event is None:
                if follower.has_ended:
                    return
                yield KeepAlive(max(self._read_up_to(), -1 if after is None else after))
            elif event.type not in (MessageType.STARTED, MessageType.PROGRESS):
                yield await self._ending(prediction_id, event.offset)
                return
            elif after is None or event.offset > after:
                yield event

    async def _ending(self, prediction_id: PredictionId, offset: int) -> Ending:
        """The final state.

        Raises:
            Unavailable, UnknownPrediction: it cannot be told.
        """
        reply = await self._archive.find(prediction_id)
        if reply is None:
            raise UnknownPrediction  # forgotten meanwhile
        return Ending(offset, reply)
