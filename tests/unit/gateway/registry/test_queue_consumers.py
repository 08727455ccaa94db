"""Consumers of queues: asked about once a second, one question at a time for each model."""

import asyncio

import pytest

from common.contract.announcement import SILENCE_S
from common.errors import ConnectionLost
from gateway.registry.queue_consumers import PATIENCE_S, REMEMBER_S
from gateway.registry.registry import LEAVE_S, PredictorRegistry
from gateway.registry.replicas import LEAVING_S, ROLL_CALL_S
from tests.support.fakes.announcements import announcement
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.scripted import ScriptedLink


class BrokerWorld:
    """A gateway after its roll call, and a broker that a test lets answer."""

    def __init__(self, loop: ManualLoop) -> None:
        self._loop = loop
        self.asked: list[str] = []
        self.consumers = 0
        self.is_lost = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.registry = PredictorRegistry(loop.time, ScriptedLink(), self._count)
        self.registry.begin_listening()
        self.wait(ROLL_CALL_S)

    def ask(self, model: str = "m") -> "asyncio.Task[bool]":
        """Start a task that asks whether a model is served, and let it go as far as it can."""
        task = self._loop.create_task(self.registry.is_served(model))
        self._loop.settle()
        return task

    def wait(self, seconds: float) -> None:
        """Move the clock."""
        self._loop.now_s += seconds
        self._loop.settle()

    async def _count(self, queue: str) -> int:
        self.asked.append(queue)
        await self.answers.wait()
        if self.is_lost:
            raise ConnectionLost("The connection to the broker was lost.")
        return self.consumers


@pytest.fixture
def world(manual_loop: ManualLoop) -> BrokerWorld:
    return BrokerWorld(manual_loop)


def test_a_model_without_announcements_is_served_while_its_queue_has_consumers(
    world: BrokerWorld,
) -> None:
    assert world.ask().result() is False
    world.consumers = 2
    world.wait(REMEMBER_S + 0.001)
    assert world.ask().result() is True
    assert world.asked == ["predictions.m.sync"] * 2


def test_an_answer_is_remembered_for_a_second(world: BrokerWorld) -> None:
    world.consumers = 1
    assert world.ask().result() is True
    world.consumers = 0
    world.wait(REMEMBER_S)
    assert world.ask().result() is True
    world.wait(0.001)
    assert world.ask().result() is False
    assert len(world.asked) == 2


def test_one_question_at_a_time_is_asked_about_a_model(world: BrokerWorld) -> None:
    world.answers.clear()
    asking = [world.ask() for _ in range(10)]
    assert world.ask("other").done() is False
    assert world.asked == ["predictions.m.sync", "predictions.other.sync"]
    world.answers.set()
    world.wait(0)
    assert [task.result() for task in asking] == [False] * 10


def test_a_model_that_is_announced_is_not_asked_about(world: BrokerWorld) -> None:
    world.registry.record(announcement("a"))
    assert world.ask().result() is True
    world.wait(SILENCE_S)
    assert world.ask().result() is True
    assert world.asked == []


def test_a_question_that_takes_long_or_fails_refuses_no_call(world: BrokerWorld) -> None:
    world.answers.clear()
    slow = world.ask()
    world.wait(PATIENCE_S)
    assert slow.result() is True
    world.is_lost = True
    world.answers.set()
    world.wait(0)
    other = world.ask("other")
    world.wait(0)
    assert other.result() is True
    world.is_lost = False
    again = world.ask()
    world.wait(0)
    assert again.result() is False


def test_questions_about_many_models_are_bounded(world: BrokerWorld) -> None:
    world.answers.clear()
    asking = [world.ask(f"m{n}") for n in range(50)]
    assert len(world.asked) == 8
    world.answers.set()
    for _ in range(20):
        world.wait(0)
    assert [task.result() for task in asking] == [False] * 50


def test_a_predictor_that_has_just_left_does_not_count_by_its_consumers(
    world: BrokerWorld,
) -> None:
    world.registry.record(announcement("a"))
    world.consumers = 1
    world.registry.record(announcement("a", leaving=True))
    waiting = world.ask()
    world.consumers = 0
    assert not waiting.done()
    world.wait(LEAVE_S)
    assert waiting.result() is False


@pytest.mark.parametrize(("consumers", "is_served"), [(1, False), (2, True)])
def test_a_predictor_that_leaves_does_not_count_while_it_finishes(
    world: BrokerWorld, consumers: int, is_served: bool
) -> None:
    world.consumers = consumers
    world.registry.record(announcement("a", leaving=True))
    waiting = world.ask()
    world.wait(LEAVE_S)
    assert waiting.result() is is_served
    world.wait(LEAVING_S)
    assert world.ask().result() is True


def test_a_call_is_refused_at_once_if_the_last_predictor_left_without_another(
    world: BrokerWorld,
) -> None:
    world.registry.record(announcement("a", leaving=True))
    assert world.ask().result() is False
