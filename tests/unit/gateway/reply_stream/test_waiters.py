"""Waiting for predictions to end, by a clock that the test decides."""

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
    """Counts how often it calls anything back."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = 0

    def _run_once(self) -> None:
        self.turns += len(self._ready)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


class Predictions:
    """Predictions, and those who wait for them."""

    def __init__(self, loop: CountingLoop) -> None:
        self.loop = loop
        self.ended: set[PredictionId] = set()
        self.waiters = Waiters(self.ended.__contains__)

    def wait(
        self, prediction_id: PredictionId, timeout_s: float, *, interruptible: bool = False
    ) -> "asyncio.Task[None]":
        """Somebody begins to wait."""
        waiting = self.waiters.wait(prediction_id, timeout_s, interruptible=interruptible)
        task = self.loop.create_task(waiting)
        self.loop.settle()
        return task

    def end(self, prediction_id: PredictionId) -> None:
        """A prediction ends."""
        self.ended.add(prediction_id)
        self.waiters.wake(prediction_id)
        self.loop.settle()

    def pass_time(self, now_s: float) -> None:
        """Go on to a moment."""
        self.loop.now_s = now_s
        self.loop.settle()


@pytest.fixture
def predictions() -> Iterator[Predictions]:
    """Predictions of which none has ended."""
    loop = CountingLoop()
    yield Predictions(loop)
    loop.end()


def test_a_waiter_is_woken_by_the_end_of_its_prediction_alone(predictions: Predictions) -> None:
    one, other = predictions.wait(ONE, 10), predictions.wait(OTHER, 10)
    predictions.end(ONE)
    assert (one.done(), other.done()) == (True, False)


def test_all_who_wait_for_one_prediction_are_woken(predictions: Predictions) -> None:
    several = [predictions.wait(ONE, 10) for _ in range(3)]
    predictions.end(ONE)
    assert all(each.done() for each in several)


def test_what_has_ended_before_is_not_waited_for(predictions: Predictions) -> None:
    predictions.end(ONE)
    assert predictions.wait(ONE, 10).done()


def test_a_wait_ends_when_its_time_is_over_and_not_before(predictions: Predictions) -> None:
    waiting = predictions.wait(ONE, 10)
    predictions.pass_time(9.9)
    assert not waiting.done()
    predictions.pass_time(10)
    assert waiting.done()
    assert not waiting.cancelled()


def test_an_interrupt_ends_the_waits_that_may_be_interrupted_and_no_others(
    predictions: Predictions,
) -> None:
    poll = predictions.wait(ONE, 10, interruptible=True)
    call = predictions.wait(ONE, 10)
    predictions.waiters.interrupt()
    predictions.loop.settle()
    assert (poll.done(), call.done()) == (True, False)
    assert predictions.wait(OTHER, 10, interruptible=True).done()
    predictions.end(ONE)
    assert call.done()


def test_neither_the_woken_nor_the_late_nor_those_who_left_are_kept(
    predictions: Predictions,
) -> None:
    predictions.wait(ONE, 10)
    predictions.wait(OTHER, 10, interruptible=True)
    predictions.wait(PredictionId(3), 10).cancel()
    predictions.end(ONE)
    predictions.pass_time(10)
    assert len(predictions.waiters) == 0


def test_ten_thousand_waiters_cost_nothing_while_they_wait(predictions: Predictions) -> None:
    loop = predictions.loop
    waiting = [
        loop.create_task(predictions.waiters.wait(PredictionId(number), 60))
        for number in range(WAITERS)
    ]
    loop.settle()
    idle_turns = loop.turns
    for second in range(1, 60):
        predictions.pass_time(second)
    assert loop.turns - idle_turns < 60 * 20  # what the passing of time takes without waiters
    predictions.end(PredictionId(0))
    assert [task.done() for task in waiting].count(True) == 1
    predictions.pass_time(60)
    assert all(task.done() for task in waiting)
    assert len(predictions.waiters) == 0
