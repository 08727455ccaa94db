"""Reads that nobody waits for any more, by a clock that the test decides."""

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
    """A channel over which reads begin when the test says so."""

    def __init__(self, stored: Message) -> None:
        super().__init__()
        self._stored = stored
        self.may_begin = asyncio.Event()
        self.begun = 0

    async def set_prefetch(self, count: int) -> None:
        """Nothing to limit."""

    async def consume(self, queue: str, on_delivery: Callable[[Delivery], None], **_: Any) -> str:
        self.begun += 1
        await self.may_begin.wait()
        on_delivery(Delivery(self._stored, self, 1))
        return "a tag"

    async def cancel(self, consumer_tag: str) -> None:
        """Nothing to end."""


class Gateway:
    """An archive of one prediction, which memory no longer holds."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.prediction_id: PredictionId = PredictionIds(b"k" * 32, 3600, self.loop.time).mint()
        self.results = Results(0, 3600, self.loop.time)
        self.results.record(self.prediction_id, REPLY, 7)
        self.caught_up = True
        self.archive = ResultStore(self.results, lambda: self.caught_up)
        self.channel = SlowChannel(REPLY.to_message(spell(self.prediction_id), 0))
        self.loop.run_until_complete(self.archive.attach(self.channel))

    def look_up(self, callers: int) -> "list[asyncio.Task[Reply | None]]":
        """So many callers ask for it."""
        find = self.archive.find
        tasks = [self.loop.create_task(find(self.prediction_id)) for _ in range(callers)]
        self.loop.settle()
        return tasks


@pytest.fixture
def gateway(manual_loop: ManualLoop) -> Gateway:
    """A gateway that has just started."""
    return Gateway(manual_loop)


def test_callers_that_gave_up_while_they_waited_leave_no_read_behind(gateway: Gateway) -> None:
    asked = gateway.look_up(READS_AT_ONCE * 3)
    for impatient in asked[-READS_AT_ONCE:]:
        impatient.cancel()
    gateway.loop.now_s = READ_TIMEOUT_S
    gateway.loop.settle()
    for each in asked[: READS_AT_ONCE * 2]:
        assert isinstance(each.exception(), Unavailable)
    gateway.channel.may_begin.set()
    gateway.loop.settle()
    assert gateway.channel.begun == READS_AT_ONCE
    (answered,) = gateway.look_up(1)
    gateway.loop.settle()
    assert answered.result() == REPLY


def test_a_caller_that_leaves_during_its_read_keeps_its_slot_until_the_read_ends(
    gateway: Gateway,
) -> None:
    for leaving in gateway.look_up(READS_AT_ONCE):
        leaving.cancel()
    gateway.loop.settle()
    (waiting,) = gateway.look_up(1)
    assert gateway.channel.begun == READS_AT_ONCE
    gateway.channel.may_begin.set()
    gateway.loop.settle()
    gateway.loop.settle()
    assert waiting.result() == REPLY


def test_a_result_of_a_stream_that_is_gone_is_not_found_once_the_new_one_has_been_read(
    gateway: Gateway,
) -> None:
    gateway.results.lose_offsets()
    gateway.caught_up = False
    (early,) = gateway.look_up(1)
    gateway.caught_up = True
    (later,) = gateway.look_up(1)
    assert isinstance(early.exception(), Unavailable)
    assert isinstance(later.exception(), UnknownPrediction)
