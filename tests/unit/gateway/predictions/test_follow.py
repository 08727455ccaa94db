"""The items of a follower, and their order when replayed and new events meet."""

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


class FollowWorld:
    """A reply stream that has been read up to offset 10, and the items of its followers."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.stream = ScriptedReplyStream(self.loop.time)
        self.stream.read_up_to = 10
        self.stream.store = self.store = ScriptedStore()
        self.stream.replays = self.replays = ScriptedReplays()
        self.alive = True
        self.items: list[StreamItem] = []
        self.use_case = Follow(self.stream, lambda _: self.alive)

    def follow(self, after: int | None = None) -> "asyncio.Task[None]":
        """Begin to follow; the items are collected in ``items``."""

        async def collect() -> None:
            async for each in self.use_case.follow(ONE, after):
                self.items.append(each)

        task = self.loop.create_task(collect())
        self.loop.settle()
        return task

    def record(self, event: Event) -> None:
        """Read an event from the stream."""
        self.stream.read_up_to = event.offset
        self.replays.events.append(event)
        self.stream.live_events.record(ONE, event)
        self.loop.settle()

    def end(self, offset: int) -> None:
        """Read the final state from the stream."""
        self.stream.read_up_to = self.store.ended = offset
        self.stream.live_events.end(ONE, Event(MessageType.SUCCEEDED, offset))
        self.loop.settle()


@pytest.fixture
def world(manual_loop: ManualLoop) -> FollowWorld:
    """A stream without followers."""
    return FollowWorld(manual_loop)


def test_a_new_follower_gets_the_last_events_and_then_new_ones(
    world: FollowWorld,
) -> None:
    world.record(start(11))
    world.record(progress(12))
    world.record(progress(13))
    follower = world.follow()
    world.record(progress(14))
    world.end(15)
    assert world.items == [
        Pending(10),
        start(11),
        progress(13),
        progress(14),
        Ending(15, REPLY),
    ]
    assert follower.done()


def test_the_pending_item_has_the_offset_to_resume_after(world: FollowWorld) -> None:
    world.follow()
    assert world.items == [Pending(10)]


def test_a_follower_gets_events_during_a_replay_once_and_after_the_replayed_ones(
    world: FollowWorld,
) -> None:
    for event in (start(11), progress(12), progress(13)):
        world.record(event)
    world.replays.may_read.clear()
    world.follow(after=11)
    world.record(progress(14))
    world.end(15)
    assert world.items == [KeepAlive(11)]
    world.replays.may_read.set()
    world.loop.settle()
    world.loop.settle()
    events = [progress(12), progress(13), progress(14), Ending(15, REPLY)]
    assert world.items[1:] == events


def test_a_follower_does_not_get_again_the_events_that_another_gateway_has_sent(
    world: FollowWorld,
) -> None:
    world.follow(after=12)
    for event in (start(11), progress(12), progress(13)):
        world.record(event)
    assert world.items == [KeepAlive(12), progress(13)]


def test_a_follower_of_an_ended_prediction_gets_missed_events_and_the_final_state(
    world: FollowWorld,
) -> None:
    for event in (start(11), progress(12)):
        world.record(event)
    world.end(13)
    assert world.follow().done()
    assert world.items == [Ending(13, REPLY)]
    world.items.clear()
    world.follow(after=11)
    world.loop.settle()
    assert world.items == [KeepAlive(11), progress(12), Ending(13, REPLY)]


def test_a_follower_that_resumes_after_an_unknown_offset_gets_the_final_state(
    world: FollowWorld,
) -> None:
    world.follow(after=1_000_000)
    world.end(11)
    assert world.items[-1] == Ending(11, REPLY)
    assert not world.use_case.has_ended_at(ONE, 1_000_000)
    assert world.use_case.has_ended_at(ONE, 11)


def test_a_follower_without_events_gets_keep_alives_with_the_present_offset(
    world: FollowWorld,
) -> None:
    world.follow()
    world.stream.read_up_to = 500  # with events of other predictions
    for now_s in (KEEP_ALIVE_S - 1, KEEP_ALIVE_S, 2 * KEEP_ALIVE_S):
        world.loop.now_s = now_s
        world.loop.settle()
    assert world.items == [Pending(10), KeepAlive(500), KeepAlive(500)]


def test_a_follower_gets_keep_alives_during_a_long_replay(world: FollowWorld) -> None:
    world.replays.may_read.clear()
    world.follow(after=3)
    world.loop.now_s = KEEP_ALIVE_S
    world.loop.settle()
    assert world.items == [KeepAlive(3), KeepAlive(3)]


def test_a_follower_ends_when_its_replay_fails(world: FollowWorld) -> None:
    world.replays.can_read = False
    follower = world.follow(after=3)
    world.loop.settle()
    assert follower.done()
    assert follower.exception() is None
    assert world.stream.live_events.followers == 0


def test_a_follower_ends_with_the_life_of_its_prediction_and_with_the_gateway(
    world: FollowWorld,
) -> None:
    outliving = world.follow()
    world.alive = False
    world.loop.now_s = KEEP_ALIVE_S
    world.loop.settle()
    assert outliving.done()
    world.alive = True
    interrupted = world.follow()
    world.stream.live_events.interrupt()
    world.loop.settle()
    assert interrupted.done()
    assert world.stream.live_events.followers == 0


async def test_each_kind_of_item_has_its_block_of_the_event_stream() -> None:
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
