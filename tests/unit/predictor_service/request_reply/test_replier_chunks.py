"""Requests that share a trip to the model: what it does not come to is run next."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

import pytest
from structlog.testing import capture_logs

from common.amqp.channel import Delivery
from common.contract.announcement import ModelCard
from predictor_service.execution.invocation import ModelInput, OnProgress, Outcome, ignore_progress
from predictor_service.request_reply.observer import Observer
from predictor_service.request_reply.progress_events import ProgressEvents
from predictor_service.request_reply.replier import Replier
from predictor_service.request_reply.replies import ReplySender
from predictor_service.scheduling.batching import Batching
from tests.support.fakes.requests import request_of
from tests.support.fakes.scripted import ScriptedChannel, ScriptedLink
from tests.support.fakes.spans import NotingTracer
from tests.support.harness.waiting import until

MANY: Final = 60
"""Calls enough for a pace at which requests share trips."""


class Hasty:
    """An execution that, once told to, comes to the first question only."""

    def __init__(self) -> None:
        self.cards: tuple[ModelCard, ...] = (ModelCard(name="m"),)
        self.broken = asyncio.Event()
        self.on_progress: OnProgress = ignore_progress
        self.may_end = asyncio.Semaphore(0)
        self.asked: list[list[str]] = []

    async def run(self, model: str, questions: Sequence[ModelInput]) -> list[Outcome]:
        self.asked.append([question.correlation_id for question in questions])
        await self.may_end.acquire()
        return [b"1"]

    def stop(self, correlation_id: str) -> None:
        """Nothing is stopped."""

    def abandon(self) -> None:
        """Nothing to end."""


class GivenBack(ScriptedChannel):
    """A channel that notes what goes back."""

    is_open = True

    def __init__(self) -> None:
        super().__init__()
        self.given_back: list[int] = []

    async def requeue(self, tag: int) -> None:
        self.given_back.append(tag)

    async def cancel(self, consumer_tag: str) -> None:
        """Nothing more comes."""


class World:
    """A replier at a fast pace, with a request that runs and three that wait."""

    def __init__(self) -> None:
        self.execution, self.link, self.channel = Hasty(), ScriptedLink(), GivenBack()
        self.tracer = NotingTracer()
        observer = Observer(self.tracer)
        answers, events = ReplySender(self.link, observer.answering), ProgressEvents(self.link)
        self.replier = Replier(
            self.execution, answers, events, 1, Batching(1, 0), observer=observer
        )

    def deliver(self, number: int) -> None:
        self.channel.on_delivery(Delivery(request_of(str(number)), self.channel, number))

    async def begin(self) -> None:
        await self.replier.attach(self.channel)
        for number in range(1, MANY + 1):
            self.deliver(number)
            self.execution.may_end.release()
            await self.answered(number)
        self.execution.asked.clear()
        self.deliver(MANY + 1)
        await self.asked(1)
        for number in range(MANY + 2, MANY + 5):
            self.deliver(number)

    async def answer_the_rest(self) -> None:
        for number in range(MANY + 1, MANY + 5):
            self.execution.may_end.release()
            await self.answered(number)

    async def asked(self, count: int) -> None:
        async def are() -> bool:
            return len(self.execution.asked) == count

        await until(are, lambda: f"{count} trips have begun", poll_s=0)

    async def answered(self, count: int) -> None:
        async def are() -> bool:
            return len(self.link.published) == count

        await until(are, lambda: f"{count} are answered", poll_s=0)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    for _ in range(9):
        made.execution.may_end.release()
    await made.replier.drain(20)


async def test_what_a_trip_does_not_come_to_is_run_next_and_in_order(world: World) -> None:
    await world.begin()
    await world.answer_the_rest()
    first = MANY + 1
    waiting = [str(number) for number in range(first + 1, first + 4)]
    assert world.execution.asked == [[str(first)], waiting, waiting[1:], waiting[2:]]
    published = [int(message.correlation_id) for message in world.link.published]
    assert published == list(range(1, MANY + 5))
    assert world.channel.given_back == []


async def test_what_arrives_together_shares_a_trip(world: World) -> None:
    await world.begin()
    await world.answer_the_rest()
    world.execution.asked.clear()
    arriving = range(MANY + 5, MANY + 9)
    for number in arriving:
        world.deliver(number)
    await world.asked(1)
    assert world.execution.asked == [[str(number) for number in arriving]]


async def test_what_a_trip_does_not_come_to_goes_back_when_the_predictor_ends(
    world: World,
) -> None:
    await world.begin()
    world.execution.may_end.release()
    await world.asked(2)
    assert len(world.execution.asked[-1]) == 3
    draining = asyncio.create_task(world.replier.drain(20))
    world.execution.may_end.release()
    await asyncio.wait_for(draining, 20)
    published = [int(message.correlation_id) for message in world.link.published]
    assert published == list(range(1, MANY + 3))
    assert world.channel.given_back == [MANY + 3, MANY + 4]
    ended = {span.of: (span.ends, span.failed) for span in world.tracer.deliveries[MANY:]}
    assert set(ended.values()) == {(1, ""), (1, "redelivered")}
    assert [name for name, how in ended.items() if how[1]] == [str(MANY + 3), str(MANY + 4)]


async def test_requests_that_share_a_trip_are_told_of_one_by_one_and_once(world: World) -> None:
    with capture_logs() as lines:
        await world.begin()
        await world.answer_the_rest()
        await world.replier.drain(20)
    told = [line for line in lines if line["event"] == "prediction"]
    assert [int(line["correlation_id"]) for line in told] == list(range(1, MANY + 5))
    assert {(line["state"], line["batch"]) for line in told} == {("succeeded", 1)}
    spans = world.tracer.deliveries
    assert [int(span.of) for span in spans] == list(range(1, MANY + 5))
    assert {(span.ends, span.failed) for span in spans} == {(1, "")}
