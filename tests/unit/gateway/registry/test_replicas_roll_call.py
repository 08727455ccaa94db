"""Whether nobody serves a model: known only after a roll call, by a clock that the test decides."""

import asyncio

import pytest

from common.contract.announcement import SILENCE_S, ModelCard
from gateway.registry.replicas import ROLL_CALL_S, ReplicaTable
from tests.support.fakes.announcements import announcement
from tests.support.fakes.loops import ManualLoop


class Gateway:
    """A table, and tasks that ask it whether nobody serves model ``m``."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.replicas = ReplicaTable(self.loop.time)

    def ask(self) -> asyncio.Task[bool]:
        """Ask, as far as it goes at once."""
        task = self.loop.create_task(self.replicas.none_serves("m"))
        self.loop.settle()
        return task

    def at(self, now_s: float) -> None:
        """Go on to this time."""
        self.loop.now_s = now_s
        self.loop.settle()

    def hear(self, replica_id: str, model: str = "m", *, leaving: bool = False) -> None:
        """A replica announces itself."""
        self.replicas.record(announcement(replica_id, ModelCard(name=model), leaving=leaving))
        self.loop.settle()


@pytest.fixture
def gateway(manual_loop: ManualLoop) -> Gateway:
    """A gateway that has just started."""
    return Gateway(manual_loop)


def test_before_anybody_can_be_heard_nothing_is_known(gateway: Gateway) -> None:
    assert gateway.ask().result() is False
    gateway.replicas.begin_listening()
    gateway.replicas.stop_listening()
    gateway.at(ROLL_CALL_S * 2)
    assert gateway.ask().result() is False


def test_whether_nobody_serves_is_known_when_the_roll_call_is_over_and_not_before(
    gateway: Gateway,
) -> None:
    gateway.replicas.begin_listening()
    asked = gateway.ask()
    gateway.at(ROLL_CALL_S - 0.001)
    late = gateway.ask()
    assert not asked.done()
    assert not late.done()
    gateway.at(ROLL_CALL_S)
    assert asked.result() is True
    assert late.result() is True
    assert gateway.ask().result() is True


def test_the_first_answer_to_the_roll_call_ends_every_wait(gateway: Gateway) -> None:
    gateway.replicas.begin_listening()
    asked = [gateway.ask(), gateway.ask()]
    gateway.hear("a")
    assert [task.result() for task in asked] == [False, False]
    assert gateway.ask().result() is False


def test_answers_for_other_models_and_from_those_who_leave_do_not_end_the_wait_early_or_late(
    gateway: Gateway,
) -> None:
    gateway.replicas.begin_listening()
    asked = gateway.ask()
    for tenth in range(9):
        gateway.at(ROLL_CALL_S * tenth / 10)
        gateway.hear("a", "another")
        gateway.hear("b", leaving=True)
    assert not asked.done()
    gateway.at(ROLL_CALL_S)
    assert asked.result() is True


def test_a_gateway_that_loses_its_connection_meanwhile_knows_nothing(gateway: Gateway) -> None:
    gateway.replicas.begin_listening()
    asked = gateway.ask()
    gateway.replicas.stop_listening()
    gateway.at(ROLL_CALL_S)
    assert asked.result() is False


def test_a_later_roll_call_starts_the_wait_again(gateway: Gateway) -> None:
    gateway.replicas.begin_listening()
    gateway.at(8)
    gateway.replicas.stop_listening()
    gateway.replicas.begin_listening()
    asked = gateway.ask()
    gateway.at(8 + ROLL_CALL_S - 0.001)
    assert not asked.done()
    gateway.at(8 + ROLL_CALL_S)
    assert asked.result() is True


def test_when_the_last_replica_leaves_or_falls_silent_it_is_known_at_once(
    gateway: Gateway,
) -> None:
    gateway.replicas.begin_listening()
    gateway.at(ROLL_CALL_S)
    gateway.hear("a")
    gateway.hear("b")
    gateway.hear("a", leaving=True)
    assert gateway.ask().result() is False
    gateway.at(ROLL_CALL_S + SILENCE_S + 0.001)
    assert gateway.ask().result() is True
