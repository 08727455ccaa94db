"""A cancelled request is acknowledged and not answered, wherever it is by then."""

import asyncio
from collections.abc import Sequence

import pytest

from common.amqp.channel import Delivery
from common.contract.announcement import ModelCard
from predictor_service.execution.invocation import ModelInput, OnProgress, Outcome, ignore_progress
from predictor_service.request_reply.progress_events import ProgressEvents
from predictor_service.request_reply.replier import Replier
from predictor_service.request_reply.replies import ReplySender
from predictor_service.scheduling.batching import Batching
from tests.support.fakes.loops import TURNS
from tests.support.fakes.requests import request_of
from tests.support.fakes.scripted import ScriptedChannel, ScriptedLink


class Held:
    """An execution of one model, whose calls end when the test says so."""

    def __init__(self) -> None:
        self.cards: tuple[ModelCard, ...] = (ModelCard(name="m"),)
        self.broken = asyncio.Event()
        self.may_end = asyncio.Event()
        self.asked: list[str] = []
        self.on_progress: OnProgress = ignore_progress

    async def run(self, model: str, questions: Sequence[ModelInput]) -> list[Outcome]:
        self.asked += [question.correlation_id for question in questions]
        await self.may_end.wait()
        return [b"1" for _ in questions]

    def stop(self, correlation_id: str) -> None:
        """Nothing can be stopped here."""

    def abandon(self) -> None:
        """Nothing to end."""


class Acknowledging(ScriptedChannel):
    """A channel that is open and takes acknowledgements."""

    is_open = True


class World:
    """A replier with one slot, and what it does with requests."""

    def __init__(self) -> None:
        self.execution, self.link, self.channel = Held(), ScriptedLink(), Acknowledging()
        self.answers = ReplySender(self.link)
        self.cancelled: set[str] = set()
        self.replier = Replier(
            self.execution,
            self.answers,
            ProgressEvents(self.link),
            1,
            Batching(1, 0),
            self.cancelled,
        )

    async def deliver(self, *correlation_ids: str) -> None:
        """Hand requests over and let the first one begin."""
        await self.replier.attach(self.channel)
        for tag, correlation_id in enumerate(correlation_ids, 1):
            self.channel.on_delivery(Delivery(request_of(correlation_id), self.channel, tag))
        await self.turn()

    async def finish(self) -> list[str]:
        """Let all end; returns who was answered."""
        self.execution.may_end.set()
        await self.turn()
        assert not self.replier.running
        return [message.correlation_id for message in self.link.published]

    async def turn(self) -> None:
        for _ in range(4 * TURNS):
            await asyncio.sleep(0)


async def test_what_waits_here_is_not_run() -> None:
    world = World()
    await world.deliver("first", "cancelled", "last")
    world.cancelled.add("cancelled")
    assert await world.finish() == ["first", "last"]
    assert world.execution.asked == ["first", "last"]
    assert world.channel.acknowledged == 3
    assert world.answers.outcomes == {"succeeded": 2, "cancelled": 1}


async def test_what_comes_after_it_was_cancelled_is_not_run() -> None:
    world = World()
    world.cancelled.add("cancelled")
    await world.deliver("cancelled")
    assert await world.finish() == []
    assert world.execution.asked == []
    assert world.channel.acknowledged == 1


async def test_what_cannot_be_stopped_runs_to_its_end_and_is_not_answered() -> None:
    world = World()
    await world.deliver("cancelled")
    assert world.execution.asked == ["cancelled"]
    world.cancelled.add("cancelled")
    assert await world.finish() == []
    assert world.channel.acknowledged == 1


@pytest.mark.parametrize("count", [1, 3])
async def test_what_was_not_cancelled_is_answered(count: int) -> None:
    world = World()
    world.cancelled.add("another")
    names = [str(number) for number in range(count)]
    await world.deliver(*names)
    assert await world.finish() == names
    assert all(message.headers["timing"] for message in world.link.published)
