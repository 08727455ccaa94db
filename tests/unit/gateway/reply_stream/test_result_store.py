"""Reads whose callers have left, on a manual clock."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from common.amqp.channel import Delivery
from common.contract.messages import Message, Reply
from common.errors import Unavailable, UnknownPrediction
from gateway.prediction_id import PredictionId, PredictionIds, spell
from gateway.reply_stream.result_store import READ_TIMEOUT_S, READS_AT_ONCE, ResultStore
from gateway.reply_stream.results import Results
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.scripted import ScriptedChannel

REPLY = Reply.succeeded(b"1", b"2")


class SlowChannel(ScriptedChannel):
    """A channel over which reads begin once ``may_begin`` is set."""

    def __init__(self, stored: Message) -> None:
        super().__init__()
        self._stored = stored
        self.may_begin = asyncio.Event()
        self.begun = 0

    async def set_prefetch(self, count: int) -> None:
        """Do nothing: there is one delivery."""

    async def consume(self, queue: str, on_delivery: Callable[[Delivery], None], **_: Any) -> str:
        self.begun += 1
        await self.may_begin.wait()
        on_delivery(Delivery(self._stored, self, 1))
        return "a tag"

    async def cancel(self, consumer_tag: str) -> None:
        """Do nothing: the consumer has ended."""


class StoreWorld:
    """A store of one final state, whose body is not in memory."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.prediction_id: PredictionId = PredictionIds(b"k" * 32, 3600, self.loop.time).mint()
        self.results = Results(0, 3600, self.loop.time)
        self.results.record(self.prediction_id, REPLY, 7)
        self.caught_up = True
        self.store = ResultStore(self.results, lambda: self.caught_up)
        self.channel = SlowChannel(REPLY.to_message(spell(self.prediction_id), 0))
        self.loop.run_until_complete(self.store.attach(self.channel))

    def look_up(self, callers: int) -> "list[asyncio.Task[Reply | None]]":
        """Start look-ups by this number of callers."""
        find = self.store.find
        tasks = [self.loop.create_task(find(self.prediction_id)) for _ in range(callers)]
        self.loop.settle()
        return tasks


@pytest.fixture
def world(manual_loop: ManualLoop) -> StoreWorld:
    """A gateway that has just started."""
    return StoreWorld(manual_loop)


def test_callers_that_leave_while_they_wait_for_a_slot_begin_no_read(world: StoreWorld) -> None:
    tasks = world.look_up(READS_AT_ONCE * 3)
    for impatient in tasks[-READS_AT_ONCE:]:
        impatient.cancel()
    world.loop.now_s = READ_TIMEOUT_S
    world.loop.settle()
    for each in tasks[: READS_AT_ONCE * 2]:
        assert isinstance(each.exception(), Unavailable)
    world.channel.may_begin.set()
    world.loop.settle()
    assert world.channel.begun == READS_AT_ONCE
    (answered,) = world.look_up(1)
    world.loop.settle()
    assert answered.result() == REPLY


def test_a_caller_that_leaves_during_its_read_keeps_its_slot_until_the_read_ends(
    world: StoreWorld,
) -> None:
    for leaving in world.look_up(READS_AT_ONCE):
        leaving.cancel()
    world.loop.settle()
    (waiting,) = world.look_up(1)
    assert world.channel.begun == READS_AT_ONCE
    world.channel.may_begin.set()
    world.loop.settle()
    world.loop.settle()
    assert waiting.result() == REPLY


def test_a_result_of_a_lost_stream_is_unknown_once_the_new_stream_is_read(
    world: StoreWorld,
) -> None:
    world.results.lose_offsets()
    world.caught_up = False
    (early,) = world.look_up(1)
    world.caught_up = True
    (later,) = world.look_up(1)
    assert isinstance(early.exception(), Unavailable)
    assert isinstance(later.exception(), UnknownPrediction)
