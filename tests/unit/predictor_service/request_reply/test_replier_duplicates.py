"""A request that comes again over a new connection is run again only if it has to be."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

import pytest
from structlog.testing import capture_logs

from common.amqp.channel import Delivery
from common.contract.announcement import ModelCard
from common.errors import ConnectionLost
from common.telemetry.correlation import known_correlation_id
from predictor_service.execution.invocation import ModelInput, OnProgress, Outcome, ignore_progress
from predictor_service.request_reply.duplicates import MAX_KNOWN, RedeliveredRequests
from predictor_service.request_reply.progress_events import ProgressEvents
from predictor_service.request_reply.replier import Replier
from predictor_service.request_reply.replies import ReplySender
from predictor_service.scheduling.batching import Batching
from tests.support.fakes.loops import TURNS
from tests.support.fakes.requests import job_of, request_of
from tests.support.fakes.scripted import ScriptedChannel, ScriptedLink


class Held:
    """An execution of one model, whose calls end when the test says so, one after the other."""

    def __init__(self, *, takes_batches: bool) -> None:
        self.cards: tuple[ModelCard, ...] = (ModelCard(name="m", takes_batches=takes_batches),)
        self.broken = asyncio.Event()
        self.may_end = asyncio.Semaphore(0)
        self.asked: list[list[str]] = []
        self.about: list[str] = []
        """The correlation ids that were known as the calls began."""
        self.comes_to: int | None = None
        """How many questions a call comes to; None: to all."""
        self.on_progress: OnProgress = ignore_progress

    async def run(self, model: str, questions: Sequence[ModelInput]) -> list[Outcome]:
        self.asked.append([question.correlation_id for question in questions])
        self.about.append(known_correlation_id())
        await self.may_end.acquire()
        return [b"1" for _ in questions[: self.comes_to]]

    def stop(self, correlation_id: str) -> None:
        """Nothing can be stopped here."""

    def abandon(self) -> None:
        """Nothing to end."""


class Settling(ScriptedChannel):
    """A channel that can be lost; notes what is acknowledged and what goes back."""

    is_open = True

    def __init__(self) -> None:
        super().__init__()
        self.settled: list[int] = []
        self.given_back: list[int] = []

    async def acknowledge(self, tags: Sequence[int]) -> None:
        if not self.is_open:
            raise ConnectionLost("The connection to the broker was lost.")
        self.settled += tags

    async def requeue(self, tag: int) -> None:
        self.given_back.append(tag)

    async def cancel(self, consumer_tag: str) -> None:
        """Nothing more comes."""


class World:
    """A replier with two slots, whose connection can be lost."""

    def __init__(self, max_batch: int = 1) -> None:
        self.execution = Held(takes_batches=max_batch > 1)
        self.link, self.channel = ScriptedLink(), Settling()
        batching = Batching(max_batch, 0)
        self.replier = Replier(
            self.execution, ReplySender(self.link), ProgressEvents(self.link), 2, batching
        )

    async def connect(self) -> None:
        """Over a new connection, after the loss of the last one if there was one."""
        if self.replier.prefetch:
            self.channel.is_open = False
            self.replier.detach()
            self.channel = Settling()
        await self.replier.attach(self.channel)

    async def deliver(
        self, *names: str, came_before: int = 0, publishes: Iterable[str] = ()
    ) -> None:
        """Hand requests over, with tags from 1 on, published under their names or others."""
        for tag, (name, publish) in enumerate(zip(names, publishes or names, strict=True), 1):
            request = request_of(name)
            request.headers["x-delivery-count"] = came_before
            self.channel.on_delivery(Delivery(request, self.channel, tag, publish))
        await self.turn()

    def fail_to_publish(self) -> None:
        """From now on replies meet a bug of ours."""

        def fail(_: object) -> None:
            raise ValueError

        self.link.on_publish = fail

    async def end_one(self) -> None:
        """Let a call of the model end."""
        self.execution.may_end.release()
        await self.turn()

    async def turn(self) -> None:
        for _ in range(8 * TURNS):
            await asyncio.sleep(0)

    @property
    def answered(self) -> list[str]:
        """Who was answered, in order."""
        return [message.correlation_id for message in self.link.published]


@pytest.fixture(params=[1])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A replier that is connected; the parameter is how large its batches are."""
    made = World(request.param)
    await made.connect()
    yield made
    for _ in range(9):
        made.execution.may_end.release()
    await made.replier.drain(20)


batched = pytest.mark.parametrize("world", [2], indirect=True)


async def test_what_runs_when_it_comes_again_is_acknowledged_when_it_is_answered(
    world: World,
) -> None:
    with capture_logs() as lines:
        await world.deliver("long")
        await world.connect()
        await world.deliver("long", came_before=3)
        assert world.channel.settled == []
        await world.end_one()
    assert world.execution.asked == [["long"]]
    assert world.answered == ["long"]
    assert world.channel.settled == [1]
    told = [line["correlation_id"] for line in lines if line["event"] == "prediction"]
    assert told == ["long"]


async def test_others_start_while_it_runs(world: World) -> None:
    await world.deliver("long")
    await world.connect()
    await world.deliver("long", came_before=3)
    await world.deliver("quick")
    assert world.execution.asked == [["long"], ["quick"]]


async def test_what_was_answered_is_acknowledged_at_once(world: World) -> None:
    await world.deliver("lost acknowledgement")
    await world.end_one()
    await world.connect()
    await world.deliver("lost acknowledgement", came_before=1)
    assert world.execution.asked == [["lost acknowledgement"]]
    assert world.channel.settled == [1]


@pytest.mark.parametrize("publishes", [("first", "second"), ("", "")], ids=["two", "unknown"])
async def test_what_is_sent_again_is_run_again(world: World, publishes: tuple[str, str]) -> None:
    await world.deliver("twice", "twice", publishes=publishes)
    await world.end_one()
    await world.end_one()
    assert world.execution.asked == [["twice"], ["twice"]]
    assert world.answered == ["twice", "twice"]


@batched
async def test_a_batch_of_which_some_are_answered_is_not_run_again(world: World) -> None:
    await world.deliver("a", "b")
    await world.connect()
    await world.deliver("a", "b", came_before=1)
    confirmed = asyncio.Event()
    publish = world.link.publish

    async def slow(message: object, routing_key: str, **options: object) -> None:
        if getattr(message, "correlation_id", "") == "b":
            await confirmed.wait()
        await publish(message, routing_key, timeout_s=1)  # type: ignore[arg-type]

    world.link.publish = slow  # type: ignore[method-assign]
    await world.end_one()
    assert world.answered == ["a"]
    confirmed.set()
    await world.turn()
    assert world.execution.asked == [["a", "b"]]
    assert sorted(world.channel.settled) == [1, 2]


@batched
async def test_a_call_is_not_logged_under_the_id_of_the_one_before(world: World) -> None:
    for name in ("a", "b"):
        await world.deliver(name)
        await world.end_one()
    await world.deliver("c", "d", "e", "f", "g")
    for _ in range(4):
        await world.end_one()
    assert set(world.execution.about) == {""}


async def test_what_a_call_did_not_come_to_counts_as_running_once_it_runs() -> None:
    world = World(max_batch=2)
    world.execution.comes_to = 1
    await world.connect()
    await world.deliver("a", "b")
    world.link.hold = asyncio.Event()
    await world.end_one()  # the answer to a is on its way, and b runs
    assert world.execution.asked == [["a", "b"], ["b"]]
    world.link.hold.set()
    await world.turn()
    await world.connect()
    await world.deliver("b", came_before=1)
    await world.end_one()
    assert world.execution.asked == [["a", "b"], ["b"]]
    assert world.answered == ["a", "b"]
    assert world.channel.settled == [1]
    await world.replier.drain(20)


async def test_what_ran_without_an_answer_runs_again(world: World) -> None:
    await world.deliver("unlucky")
    await world.connect()
    await world.deliver("unlucky", came_before=1)
    world.fail_to_publish()
    await world.end_one()
    world.link.on_publish = lambda _: None
    await world.end_one()
    assert world.execution.asked == [["unlucky"], ["unlucky"]]
    assert world.channel.settled == [1]


async def test_what_came_again_is_given_back_if_the_predictor_ends_before_it_is_answered(
    world: World,
) -> None:
    await world.deliver("long")
    await world.connect()
    await world.deliver("long", came_before=1)
    world.fail_to_publish()
    draining = asyncio.create_task(world.replier.drain(20))
    await world.end_one()
    await draining
    assert world.channel.given_back == [1]


def test_only_so_many_are_remembered() -> None:
    repeats = RedeliveredRequests()
    jobs = [job_of(str(number)) for number in range(MAX_KNOWN + 1)]
    for job in jobs:
        repeats.answered(job)
    assert not repeats.is_answered(jobs[0])
    assert repeats.is_answered(jobs[1])
    assert repeats.is_answered(jobs[-1])
