"""Waiters for final states, on a manual clock."""

import asyncio
from collections.abc import Iterator
from typing import Final

import pytest

from gateway.prediction_id import PredictionId
from gateway.reply_stream.waiters import Waiters
from tests.support.fakes.loops import ManualLoop

ONE: Final = PredictionId(1)
OTHER: Final = PredictionId(2)
WAITERS: Final = 10_000


class CountingLoop(ManualLoop):
    """A loop that counts its callbacks."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = 0

    def _run_once(self) -> None:
        self.turns += len(self._ready)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


class WaiterWorld:
    """The final states of predictions, and their waiters."""

    def __init__(self, loop: CountingLoop) -> None:
        self.loop = loop
        self.ended: set[PredictionId] = set()
        self.waiters = Waiters(self.ended.__contains__)

    def wait(
        self, prediction_id: PredictionId, timeout_s: float, *, interruptible: bool = False
    ) -> "asyncio.Task[None]":
        """Begin to wait for a prediction."""
        waiting = self.waiters.wait(prediction_id, timeout_s, interruptible=interruptible)
        task = self.loop.create_task(waiting)
        self.loop.settle()
        return task

    def end(self, prediction_id: PredictionId) -> None:
        """End a prediction."""
        self.ended.add(prediction_id)
        self.waiters.wake(prediction_id)
        self.loop.settle()

    def pass_time(self, now_s: float) -> None:
        """Move the clock to this time."""
        self.loop.now_s = now_s
        self.loop.settle()


@pytest.fixture
def world() -> Iterator[WaiterWorld]:
    """Predictions of which none has ended."""
    loop = CountingLoop()
    yield WaiterWorld(loop)
    loop.end()


def test_a_waiter_is_woken_by_the_end_of_its_prediction_alone(world: WaiterWorld) -> None:
    one, other = world.wait(ONE, 10), world.wait(OTHER, 10)
    world.end(ONE)
    assert (one.done(), other.done()) == (True, False)


def test_all_waiters_of_one_prediction_are_woken(world: WaiterWorld) -> None:
    several = [world.wait(ONE, 10) for _ in range(3)]
    world.end(ONE)
    assert all(each.done() for each in several)


def test_a_wait_for_an_ended_prediction_ends_at_once(world: WaiterWorld) -> None:
    world.end(ONE)
    assert world.wait(ONE, 10).done()


def test_a_wait_ends_when_its_time_is_over_and_not_before(world: WaiterWorld) -> None:
    waiting = world.wait(ONE, 10)
    world.pass_time(9.9)
    assert not waiting.done()
    world.pass_time(10)
    assert waiting.done()
    assert not waiting.cancelled()


def test_an_interrupt_ends_the_waits_that_may_be_interrupted_and_no_others(
    world: WaiterWorld,
) -> None:
    poll = world.wait(ONE, 10, interruptible=True)
    call = world.wait(ONE, 10)
    world.waiters.interrupt()
    world.loop.settle()
    assert (poll.done(), call.done()) == (True, False)
    assert world.wait(OTHER, 10, interruptible=True).done()
    world.end(ONE)
    assert call.done()


def test_a_waiter_is_not_kept_after_its_end_its_timeout_or_its_cancellation(
    world: WaiterWorld,
) -> None:
    world.wait(ONE, 10)
    world.wait(OTHER, 10, interruptible=True)
    world.wait(PredictionId(3), 10).cancel()
    world.end(ONE)
    world.pass_time(10)
    assert len(world.waiters) == 0


def test_ten_thousand_waiters_cost_nothing_while_they_wait(world: WaiterWorld) -> None:
    loop = world.loop
    waiting = [
        loop.create_task(world.waiters.wait(PredictionId(number), 60)) for number in range(WAITERS)
    ]
    loop.settle()
    idle_turns = loop.turns
    for second in range(1, 60):
        world.pass_time(second)
    assert loop.turns - idle_turns < 60 * 20  # what the passing of time takes without waiters
    world.end(PredictionId(0))
    assert [task.done() for task in waiting].count(True) == 1
    world.pass_time(60)
    assert all(task.done() for task in waiting)
    assert len(world.waiters) == 0
