"""What a follower is told, in which order, when two sources of it meet."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest

from common.contract.messages import MessageType, Reply
from common.errors import Unavailable
from gateway.api.sse import event_stream
from gateway.prediction_id import PredictionId
from gateway.predictions.follow import KEEP_ALIVE_S, Ending, Follow, KeepAlive, Pending, StreamItem
from gateway.reply_stream.live_events import Event
from gateway.reply_stream.replays import Replays
from gateway.reply_stream.result_store import ResultStore
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.reply_stream import ScriptedReplyStream
from tests.unit.gateway.reply_stream.test_live_events import progress, start

ONE: Final = PredictionId(1)
REPLY: Final = Reply.succeeded(b"1", b"2")


class ScriptedStore(ResultStore):
    """A store that has one final state, at ``ended``."""

    ended: int | None = None

    def __init__(self) -> None: ...

    async def find(self, prediction_id: PredictionId) -> Reply | None:
        return None if self.ended is None else REPLY

    def offset(self, prediction_id: PredictionId) -> int | None:
        return self.ended


class ScriptedReplays(Replays):
    """Replays of ``events``, which may be held up or fail."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.can_read = True

    async def read(self, prediction_id: PredictionId, first: int, last: int) -> list[Event]:
        await self.may_read.wait()
        if not self.can_read:
            raise Unavailable("The message broker is not available.")
        return [event for event in self.events if first <= event.offset <= last]


class Following:
    """A reply stream of which offset 10 was read last, and its followers."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.stream = ScriptedReplyStream(self.loop.time)
        self.stream.read_up_to = 10
        self.stream.store = self.store = ScriptedStore()
        self.stream.replays = self.replays = ScriptedReplays()
        self.alive = True
        self.told: list[StreamItem] = []
        self.use_case = Follow(self.stream, lambda _: self.alive)

    def follow(self, after: int | None = None) -> "asyncio.Task[None]":
        """Somebody follows; what is told is in ``told``."""

        async def collect() -> None:
            async for each in self.use_case.follow(ONE, after):
                self.told.append(each)

        task = self.loop.create_task(collect())
        self.loop.settle()
        return task

    def happen(self, event: Event) -> None:
        """The journal reads an event."""
        self.stream.read_up_to = event.offset
        self.replays.events.append(event)
        self.stream.live_events.record(ONE, event)
        self.loop.settle()

    def end(self, offset: int) -> None:
        """The journal reads the end."""
        self.stream.read_up_to = self.store.ended = offset
        self.stream.live_events.end(ONE, Event(MessageType.SUCCEEDED, offset))
        self.loop.settle()


@pytest.fixture
def following(manual_loop: ManualLoop) -> Following:
    """A stream without followers."""
    return Following(manual_loop)


def test_who_has_been_told_nothing_gets_what_is_known_and_then_what_happens(
    following: Following,
) -> None:
    following.happen(start(11))
    following.happen(progress(12))
    following.happen(progress(13))
    follower = following.follow()
    following.happen(progress(14))
    following.end(15)
    assert following.told == [Pending(10), start(11), progress(13), progress(14), Ending(15, REPLY)]
    assert follower.done()


def test_the_pending_event_says_after_what_to_resume(following: Following) -> None:
    following.follow()
    assert following.told == [Pending(10)]


def test_what_happens_while_the_missed_is_read_is_told_after_it_and_once(
    following: Following,
) -> None:
    for event in (start(11), progress(12), progress(13)):
        following.happen(event)
    following.replays.may_read.clear()
    following.follow(after=11)
    following.happen(progress(14))
    following.end(15)
    assert following.told == [KeepAlive(11)]
    following.replays.may_read.set()
    following.loop.settle()
    following.loop.settle()
    events = [progress(12), progress(13), progress(14), Ending(15, REPLY)]
    assert following.told[1:] == events


def test_what_another_gateway_told_before_we_read_it_is_not_told_again(
    following: Following,
) -> None:
    following.follow(after=12)
    for event in (start(11), progress(12), progress(13)):
        following.happen(event)
    assert following.told == [KeepAlive(12), progress(13)]


def test_of_what_has_ended_only_the_end_is_told_or_what_was_missed_before_it(
    following: Following,
) -> None:
    for event in (start(11), progress(12)):
        following.happen(event)
    following.end(13)
    assert following.follow().done()
    assert following.told == [Ending(13, REPLY)]
    following.told.clear()
    following.follow(after=11)
    following.loop.settle()
    assert following.told == [KeepAlive(11), progress(12), Ending(13, REPLY)]


def test_the_end_is_told_to_who_resumes_after_what_never_was(following: Following) -> None:
    following.follow(after=1_000_000)
    following.end(11)
    assert following.told[-1] == Ending(11, REPLY)
    assert not following.use_case.has_ended_at(ONE, 1_000_000)
    assert following.use_case.has_ended_at(ONE, 11)


def test_while_nothing_happens_that_is_told_with_an_id_that_moves_on(following: Following) -> None:
    following.follow()
    following.stream.read_up_to = 500  # of others
    for now_s in (KEEP_ALIVE_S - 1, KEEP_ALIVE_S, 2 * KEEP_ALIVE_S):
        following.loop.now_s = now_s
        following.loop.settle()
    assert following.told == [Pending(10), KeepAlive(500), KeepAlive(500)]


def test_a_long_read_is_not_silent(following: Following) -> None:
    following.replays.may_read.clear()
    following.follow(after=3)
    following.loop.now_s = KEEP_ALIVE_S
    following.loop.settle()
    assert following.told == [KeepAlive(3), KeepAlive(3)]


def test_what_cannot_be_read_back_ends_it_so_that_it_is_resumed(following: Following) -> None:
    following.replays.can_read = False
    follower = following.follow(after=3)
    following.loop.settle()
    assert follower.done()
    assert follower.exception() is None
    assert following.stream.live_events.followers == 0


def test_it_ends_with_the_life_of_the_prediction_and_with_the_gateway(following: Following) -> None:
    outliving = following.follow()
    following.alive = False
    following.loop.now_s = KEEP_ALIVE_S
    following.loop.settle()
    assert outliving.done()
    following.alive = True
    interrupted = following.follow()
    following.stream.live_events.interrupt()
    following.loop.settle()
    assert interrupted.done()
    assert following.stream.live_events.followers == 0


async def test_each_kind_has_its_block_and_every_block_ends_with_a_blank_line() -> None:
    async def all_kinds() -> AsyncIterator[StreamItem]:
        kinds: list[StreamItem] = [Pending(-1), start(1), progress(5_000), KeepAlive(5_001)]
        kinds += [Ending(6_000, Reply.succeeded(b'"a"', b"[1,\n2]"))]
        kinds += [
            Ending(-1, Reply(MessageType.DEAD_LETTERED, b'{"code": "unavailable", "error": "x"}'))
        ]
        for each in kinds:
            yield each

    assert [frame async for frame in event_stream(all_kinds(), "u")] == [
        b'event: pending\ndata: {"prediction_id":"u"}\n\n',
        b'event: started\nid: 1\ndata: {"prediction_id":"u"}\n\n',
        b'event: progress\nid: 5000\ndata: {"fraction":0.5,"note":""}\n\n',
        b": nothing new\nid: 5001\n\n",
        b'event: succeeded\nid: 6000\ndata: {"output": {"input": "a", "result": [1, 2]}, '
        b'"prediction_id": "u"}\n\n',
        b'event: dead-lettered\ndata: {"error": "x"}\n\n',
    ]
