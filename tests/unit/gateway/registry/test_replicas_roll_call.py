"""Unserved models: certain only after a roll call. On a manual clock."""

import asyncio

import pytest

from common.contract.announcement import SILENCE_S, ModelCard
from gateway.registry.replicas import ROLL_CALL_S, ReplicaTable
from tests.support.fakes.announcements import announcement
from tests.support.fakes.loops import ManualLoop


class RollCallWorld:
    """A table of replicas, and tasks that wait to know if no replica serves model ``m``."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.replicas = ReplicaTable(self.loop.time)

    def ask(self) -> asyncio.Task[bool]:
        """Start a task that asks, and let it go as far as it can."""
        task = self.loop.create_task(self.replicas.none_serves("m"))
        self.loop.settle()
        return task

    def at(self, now_s: float) -> None:
        """Move the clock to this time."""
        self.loop.now_s = now_s
        self.loop.settle()

    def announce(self, replica_id: str, model: str = "m", *, leaving: bool = False) -> None:
        """Record the announcement of a replica."""
        self.replicas.record(announcement(replica_id, ModelCard(name=model), leaving=leaving))
        self.loop.settle()


@pytest.fixture
def world(manual_loop: ManualLoop) -> RollCallWorld:
    """A gateway that has just started."""
    return RollCallWorld(manual_loop)


def test_a_model_does_not_count_as_unserved_without_a_roll_call(world: RollCallWorld) -> None:
    assert world.ask().result() is False
    world.replicas.begin_listening()
    world.replicas.stop_listening()
    world.at(ROLL_CALL_S * 2)
    assert world.ask().result() is False


def test_a_model_counts_as_unserved_when_the_roll_call_is_over_and_not_before(
    world: RollCallWorld,
) -> None:
    world.replicas.begin_listening()
    waiting = world.ask()
    world.at(ROLL_CALL_S - 0.001)
    late = world.ask()
    assert not waiting.done()
    assert not late.done()
    world.at(ROLL_CALL_S)
    assert waiting.result() is True
    assert late.result() is True
    assert world.ask().result() is True


def test_the_first_announcement_after_a_roll_call_ends_every_wait(world: RollCallWorld) -> None:
    world.replicas.begin_listening()
    waiting = [world.ask(), world.ask()]
    world.announce("a")
    assert [task.result() for task in waiting] == [False, False]
    assert world.ask().result() is False


def test_announcements_of_other_models_or_of_leaving_replicas_do_not_change_the_wait(
    world: RollCallWorld,
) -> None:
    world.replicas.begin_listening()
    waiting = world.ask()
    for tenth in range(9):
        world.at(ROLL_CALL_S * tenth / 10)
        world.announce("a", "another")
        world.announce("b", leaving=True)
    assert not waiting.done()
    world.at(ROLL_CALL_S)
    assert waiting.result() is True


def test_a_model_does_not_count_as_unserved_after_a_lost_connection(world: RollCallWorld) -> None:
    world.replicas.begin_listening()
    waiting = world.ask()
    world.replicas.stop_listening()
    world.at(ROLL_CALL_S)
    assert waiting.result() is False


def test_a_later_roll_call_starts_the_wait_again(world: RollCallWorld) -> None:
    world.replicas.begin_listening()
    world.at(8)
    world.replicas.stop_listening()
    world.replicas.begin_listening()
    waiting = world.ask()
    world.at(8 + ROLL_CALL_S - 0.001)
    assert not waiting.done()
    world.at(8 + ROLL_CALL_S)
    assert waiting.result() is True


def test_a_model_counts_as_unserved_at_once_when_its_last_replica_is_gone(
    world: RollCallWorld,
) -> None:
    world.replicas.begin_listening()
    world.at(ROLL_CALL_S)
    world.announce("a")
    world.announce("b")
    world.announce("a", leaving=True)
    assert world.ask().result() is False
    world.at(ROLL_CALL_S + SILENCE_S + 0.001)
    assert world.ask().result() is True
