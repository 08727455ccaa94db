"""Deadlines that callers set, by a clock that the test decides."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import pytest

from common.contract.messages import Reply
from common.errors import Refused, Unavailable
from gateway.prediction_id import PredictionId, spell
from gateway.predictions import deadlines
from gateway.predictions.deadlines import OUT_OF_TIME, RETRY_S, Deadlines
from gateway.reply_stream.waiters import Waiters
from tests.support.fakes.loops import ManualLoop

ONE: Final = PredictionId(1)
OTHER: Final = PredictionId(2)
AFTER_S: Final = 10.0


class World:
    """Deadlines, and a stream that may be away."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.ended: set[PredictionId] = set()
        self.watch = Waiters(self.ended.__contains__)
        self.deadlines = Deadlines(self.ended.__contains__, self.watch, self)
        self.said: list[tuple[str, Reply]] = []
        self.stopped: list[str] = []
        self.is_away = False

    async def say(self, correlation_id: str, final: Reply, timeout_s: float) -> None:
        if self.is_away:
            raise Refused("The queue is full.")
        self.said.append((correlation_id, final))

    def tell_predictors(self, correlation_id: str) -> None:
        self.stopped.append(correlation_id)

    def accept(self, prediction_id: PredictionId, error: BaseException | None = None) -> None:
        """Accept a prediction with a deadline, or fail to."""

        async def accepted() -> None:
            with suppress(OSError), self.deadlines.kept(prediction_id, AFTER_S):
                if error is not None:
                    raise error

        self.loop.run_until_complete(accepted())
        self.loop.settle()

    def end(self, prediction_id: PredictionId) -> None:
        self.ended.add(prediction_id)
        self.watch.settle(prediction_id)
        self.loop.settle()

    def pass_time(self, now_s: float) -> None:
        self.loop.now_s = now_s
        self.loop.settle()


@pytest.fixture
def world(manual_loop: ManualLoop) -> Iterator[World]:
    made = World(manual_loop)
    yield made
    made.deadlines.close()
    made.loop.settle()
    assert len(made.deadlines) == 0
    assert asyncio.all_tasks(made.loop) == set()


def test_a_prediction_that_is_not_over_ends_at_its_deadline_and_is_stopped(world: World) -> None:
    world.accept(ONE)
    world.pass_time(AFTER_S - 0.1)
    assert world.said == []
    world.pass_time(AFTER_S)
    assert world.said == [(spell(ONE), OUT_OF_TIME)]
    assert world.stopped == [spell(ONE)]
    assert len(world.deadlines) == 0


def test_nothing_is_kept_of_a_prediction_that_is_over(world: World) -> None:
    world.accept(ONE)
    world.accept(OTHER)
    world.end(ONE)
    assert len(world.deadlines) == 1
    world.pass_time(AFTER_S)
    assert world.said == [(spell(OTHER), OUT_OF_TIME)]


def test_nothing_is_kept_of_what_was_not_accepted(world: World) -> None:
    world.accept(ONE, OSError())
    assert len(world.deadlines) == 0
    world.pass_time(AFTER_S)
    assert world.said == []


def test_it_is_said_again_until_the_broker_takes_it(world: World) -> None:
    world.is_away = True
    world.accept(ONE)
    world.pass_time(AFTER_S)
    assert (world.stopped, len(world.deadlines)) == ([], 1)
    world.is_away = False
    world.pass_time(AFTER_S + RETRY_S)
    assert world.said == [(spell(ONE), OUT_OF_TIME)]
    assert world.stopped == [spell(ONE)]


def test_it_is_not_said_any_more_of_a_prediction_that_ends_meanwhile(world: World) -> None:
    world.is_away = True
    world.accept(ONE)
    world.pass_time(AFTER_S)
    world.end(ONE)
    world.is_away = False
    world.pass_time(AFTER_S + 2 * RETRY_S)
    assert world.said == []


def test_one_too_many_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "MAX_OPEN", 1)
    world.accept(ONE)
    with pytest.raises(Unavailable):
        world.accept(OTHER)
    world.end(ONE)
    world.accept(OTHER)
    assert len(world.deadlines) == 1
