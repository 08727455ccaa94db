"""A request that comes again over a new connection is run again only if it has to be."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from common.channel import Delivery
from common.presence import ModelCard
from predictor_service.answers import Answers
from predictor_service.batching import Batching
from predictor_service.events import Events
from predictor_service.invocation import Hear, Outcome, Question, nobody_hears
from predictor_service.repeats import MAX_KNOWN, Repeats
from predictor_service.replier import Replier
from tests.support.loops import TURNS
from tests.support.requests import job_of, request_of
from tests.support.scripted import ScriptedChannel, ScriptedLink


class Held:
    """An execution of one model, whose calls end when the test says so, one after the other."""

    def __init__(self) -> None:
        self.cards: tuple[ModelCard, ...] = (ModelCard(name="m"),)
        self.broken = asyncio.Event()
        self.may_end = asyncio.Semaphore(0)
        self.asked: list[str] = []
        self.on_progress: Hear = nobody_hears

    async def run(self, model: str, questions: Sequence[Question]) -> list[Outcome]:
        self.asked += [question.correlation_id for question in questions]
        await self.may_end.acquire()
        return [b"1" for _ in questions]

    def stop(self, correlation_id: str) -> None:
        """Nothing can be stopped here."""

    def abandon(self) -> None:
        """Nothing to end."""


class Settling(ScriptedChannel):
    """A channel that notes what is acknowledged and what goes back."""

    is_open = True

    def __init__(self) -> None:
        super().__init__()
        self.settled: list[int] = []
        self.given_back: list[int] = []

    async def acknowledge(self, tags: Sequence[int]) -> None:
        self.settled += tags

    async def give_back(self, tag: int) -> None:
        self.given_back.append(tag)

    async def cancel(self, consumer_tag: str) -> None:
        """Nothing more comes."""


class World:
    """A replier with two slots, whose connection can be lost."""

    def __init__(self) -> None:
        self.execution, self.link, self.channel = Held(), ScriptedLink(), Settling()
        self.replier = Replier(
            self.execution, Answers(self.link), Events(self.link), 2, Batching(1, 0)
        )

    async def connect(self) -> None:
        """Over a new connection, after the last one if there was one."""
        if self.replier.prefetch:
            self.replier.detach()
            self.channel = Settling()
        await self.replier.attach(self.channel)

    async def deliver(self, tag: int, name: str, reply_to: str = "q", came_before: int = 0) -> None:
        """Hand a request over."""
        request = request_of(name, reply_to)
        request.headers["x-delivery-count"] = came_before
        self.channel.on_delivery(Delivery(request, self.channel, tag))
        await self.turn()

    async def end_one(self) -> None:
        """Let a call of the model end."""
        self.execution.may_end.release()
        await self.turn()

    async def turn(self) -> None:
        for _ in range(8 * TURNS):
            await asyncio.sleep(0)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    await made.connect()
    yield made
    for _ in range(9):
        made.execution.may_end.release()
    await made.replier.drain(20)


async def test_what_runs_when_it_comes_again_is_acknowledged_when_it_is_answered(
    world: World,
) -> None:
    await world.deliver(1, "long")
    await world.connect()
    await world.deliver(1, "long", came_before=3)
    assert world.channel.settled == []
    await world.end_one()
    assert world.execution.asked == ["long"]
    assert len(world.link.published) == 1
    assert world.channel.settled == [1]


async def test_others_start_while_it_runs(world: World) -> None:
    await world.deliver(1, "long")
    await world.connect()
    await world.deliver(1, "long", came_before=3)
    await world.deliver(2, "quick")
    assert world.execution.asked == ["long", "quick"]


async def test_what_was_answered_is_acknowledged_at_once(world: World) -> None:
    await world.deliver(1, "lost acknowledgement")
    await world.end_one()
    await world.connect()
    await world.deliver(1, "lost acknowledgement", came_before=1)
    assert world.execution.asked == ["lost acknowledgement"]
    assert world.channel.settled == [1]


async def test_what_is_asked_for_from_elsewhere_is_run_again(world: World) -> None:
    await world.deliver(1, "resent", reply_to="a queue that is gone")
    await world.end_one()
    await world.deliver(2, "resent", reply_to="a new one")
    await world.end_one()
    assert world.execution.asked == ["resent", "resent"]


async def test_what_ran_without_an_answer_runs_again(world: World) -> None:
    await world.deliver(1, "unlucky")
    await world.connect()
    await world.deliver(1, "unlucky", came_before=1)

    def fail(_: object) -> None:
        raise ValueError

    world.link.on_publish = fail
    await world.end_one()
    world.link.on_publish = lambda _: None
    await world.end_one()
    assert world.execution.asked == ["unlucky", "unlucky"]
    assert world.channel.settled == [1]


async def test_what_came_again_is_given_back_if_the_predictor_ends_before_it_is_answered(
    world: World,
) -> None:
    await world.deliver(1, "long")
    await world.connect()
    await world.deliver(1, "long", came_before=1)

    def fail(_: object) -> None:
        raise ValueError

    world.link.on_publish = fail
    draining = asyncio.create_task(world.replier.drain(20))
    await world.end_one()
    await draining
    assert world.channel.given_back == [1]


def test_only_so_many_are_remembered() -> None:
    repeats = Repeats()
    jobs = [job_of(str(number)) for number in range(MAX_KNOWN + 1)]
    for job in jobs:
        repeats.answered(job)
    assert not repeats.is_answered(jobs[0])
    assert repeats.is_answered(jobs[1])
    assert repeats.is_answered(jobs[-1])
