"""What a follower is told, in which order, when two sources of it meet."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest

from common.contract.messages import MessageType, Reply
from common.errors import Unavailable
from gateway.api.sse import frames
from gateway.prediction_id import PredictionId
from gateway.predictions.follow import QUIET_S, Ending, Follow, KeepAlive, Pending, StreamItem
from gateway.reply_stream.live_events import Event, LiveEvents
from tests.support.fakes.loops import ManualLoop
from tests.unit.gateway.reply_stream.test_live_events import progress, start

ONE: Final = PredictionId(1)
REPLY: Final = Reply.succeeded(b"1", b"2")


class Gateway:
    """A gateway that has read the stream up to ``offset``; ``stream`` is what is behind that."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.under_way = LiveEvents()
        self.offset_read = 10
        self.stream: list[Event] = []
        self.ended: int | None = None
        self.alive = True
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.can_read = True
        self.told: list[StreamItem] = []
        self.following = Follow(
            self, self.under_way, self, lambda: self.offset_read, lambda _: self.alive
        )

    async def find(self, prediction_id: PredictionId) -> Reply | None:
        """The final state."""
        return None if self.ended is None else REPLY

    def offset(self, prediction_id: PredictionId) -> int | None:
        """Where it stands."""
        return self.ended

    async def read(self, prediction_id: PredictionId, first: int, last: int) -> list[Event]:
        """What stands in the stream between those."""
        await self.may_read.wait()
        if not self.can_read:
            raise Unavailable("The message broker is not available.")
        return [event for event in self.stream if first <= event.offset <= last]

    def follow(self, after: int | None = None) -> "asyncio.Task[None]":
        """Somebody follows; what is told is in ``told``."""

        async def collect() -> None:
            async for each in self.following.follow(ONE, after):
                self.told.append(each)

        task = self.loop.create_task(collect())
        self.loop.settle()
        return task

    def happen(self, event: Event) -> None:
        """The journal reads an event."""
        self.offset_read = event.offset
        self.stream.append(event)
        self.under_way.note(ONE, event)
        self.loop.settle()

    def end(self, offset: int) -> None:
        """The journal reads the end."""
        self.offset_read = self.ended = offset
        self.under_way.end(ONE, Event(MessageType.SUCCEEDED, offset))
        self.loop.settle()


@pytest.fixture
def gateway(manual_loop: ManualLoop) -> Gateway:
    """A gateway that nobody follows."""
    return Gateway(manual_loop)


def test_who_has_been_told_nothing_gets_what_is_known_and_then_what_happens(
    gateway: Gateway,
) -> None:
    gateway.happen(start(11))
    gateway.happen(progress(12))
    gateway.happen(progress(13))
    following = gateway.follow()
    gateway.happen(progress(14))
    gateway.end(15)
    assert gateway.told == [Pending(10), start(11), progress(13), progress(14), Ending(15, REPLY)]
    assert following.done()


def test_the_pending_event_says_after_what_to_resume(gateway: Gateway) -> None:
    gateway.follow()
    assert gateway.told == [Pending(10)]


def test_what_happens_while_the_missed_is_read_is_told_after_it_and_once(gateway: Gateway) -> None:
    for event in (start(11), progress(12), progress(13)):
        gateway.happen(event)
    gateway.may_read.clear()
    gateway.follow(after=11)
    gateway.happen(progress(14))
    gateway.end(15)
    assert gateway.told == [KeepAlive(11)]
    gateway.may_read.set()
    gateway.loop.settle()
    gateway.loop.settle()
    events = [progress(12), progress(13), progress(14), Ending(15, REPLY)]
    assert gateway.told[1:] == events


def test_what_another_gateway_told_before_we_read_it_is_not_told_again(gateway: Gateway) -> None:
    gateway.follow(after=12)
    for event in (start(11), progress(12), progress(13)):
        gateway.happen(event)
    assert gateway.told == [KeepAlive(12), progress(13)]


def test_of_what_has_ended_only_the_end_is_told_or_what_was_missed_before_it(
    gateway: Gateway,
) -> None:
    for event in (start(11), progress(12)):
        gateway.happen(event)
    gateway.end(13)
    assert gateway.follow().done()
    assert gateway.told == [Ending(13, REPLY)]
    gateway.told.clear()
    gateway.follow(after=11)
    gateway.loop.settle()
    assert gateway.told == [KeepAlive(11), progress(12), Ending(13, REPLY)]


def test_the_end_is_told_to_who_resumes_after_what_never_was(gateway: Gateway) -> None:
    gateway.follow(after=1_000_000)
    gateway.end(11)
    assert gateway.told[-1] == Ending(11, REPLY)
    assert not gateway.following.has_been_told(ONE, 1_000_000)
    assert gateway.following.has_been_told(ONE, 11)


def test_while_nothing_happens_that_is_told_with_an_id_that_moves_on(gateway: Gateway) -> None:
    gateway.follow()
    gateway.offset_read = 500  # of others
    for now_s in (QUIET_S - 1, QUIET_S, 2 * QUIET_S):
        gateway.loop.now_s = now_s
        gateway.loop.settle()
    assert gateway.told == [Pending(10), KeepAlive(500), KeepAlive(500)]


def test_a_long_read_is_not_silent(gateway: Gateway) -> None:
    gateway.may_read.clear()
    gateway.follow(after=3)
    gateway.loop.now_s = QUIET_S
    gateway.loop.settle()
    assert gateway.told == [KeepAlive(3), KeepAlive(3)]


def test_what_cannot_be_read_back_ends_it_so_that_it_is_resumed(gateway: Gateway) -> None:
    gateway.can_read = False
    following = gateway.follow(after=3)
    gateway.loop.settle()
    assert following.done()
    assert following.exception() is None
    assert gateway.under_way.followers == 0


def test_it_ends_with_the_life_of_the_prediction_and_with_the_gateway(gateway: Gateway) -> None:
    outliving = gateway.follow()
    gateway.alive = False
    gateway.loop.now_s = QUIET_S
    gateway.loop.settle()
    assert outliving.done()
    gateway.alive = True
    interrupted = gateway.follow()
    gateway.under_way.interrupt()
    gateway.loop.settle()
    assert interrupted.done()
    assert gateway.under_way.followers == 0


async def test_each_kind_has_its_block_and_every_block_ends_with_a_blank_line() -> None:
    async def all_kinds() -> AsyncIterator[StreamItem]:
        kinds: list[StreamItem] = [Pending(-1), start(1), progress(5_000), KeepAlive(5_001)]
        kinds += [Ending(6_000, Reply.succeeded(b'"a"', b"[1,\n2]"))]
        kinds += [
            Ending(-1, Reply(MessageType.DEAD_LETTERED, b'{"code": "unavailable", "error": "x"}'))
        ]
        for each in kinds:
            yield each

    assert [frame async for frame in frames(all_kinds(), "u")] == [
        b'event: pending\ndata: {"prediction_id":"u"}\n\n',
        b'event: started\nid: 1\ndata: {"prediction_id":"u"}\n\n',
        b'event: progress\nid: 5000\ndata: {"fraction":0.5,"note":""}\n\n',
        b": nothing new\nid: 5001\n\n",
        b'event: succeeded\nid: 6000\ndata: {"output": {"input": "a", "result": [1, 2]}, '
        b'"prediction_id": "u"}\n\n',
        b'event: dead-lettered\ndata: {"error": "x"}\n\n',
    ]
