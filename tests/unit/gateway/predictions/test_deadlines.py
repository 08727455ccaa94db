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
from gateway.request_reply.final_states import FinalStates
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.reply_stream import ScriptedReplyStream

ONE: Final = PredictionId(1)
OTHER: Final = PredictionId(2)
AFTER_S: Final = 10.0


class Keeper(FinalStates):
    """Deadlines, and a broker that may be away."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.stream = ScriptedReplyStream(self.loop.time)
        self.deadlines = Deadlines(self.stream, self)
        self.published: list[tuple[str, Reply]] = []
        self.stopped: list[str] = []
        self.is_away = False

    async def publish(self, correlation_id: str, final: Reply, timeout_s: float) -> None:
        if self.is_away:
            raise Refused("The queue is full.")
        self.published.append((correlation_id, final))

    def notify_predictors(self, correlation_id: str) -> None:
        self.stopped.append(correlation_id)

    def accept(self, prediction_id: PredictionId, error: BaseException | None = None) -> None:
        """Accept a prediction with a deadline, or fail to."""

        async def accepted() -> None:
            with suppress(OSError), self.deadlines.keep(prediction_id, AFTER_S):
                if error is not None:
                    raise error

        self.loop.run_until_complete(accepted())
        self.loop.settle()

    def end(self, prediction_id: PredictionId) -> None:
        self.stream.results.record(prediction_id, Reply.succeeded(b"1", b"2"), 1)
        self.stream.waiters.wake(prediction_id)
        self.loop.settle()

    def pass_time(self, now_s: float) -> None:
        self.loop.now_s = now_s
        self.loop.settle()


@pytest.fixture
def keeper(manual_loop: ManualLoop) -> Iterator[Keeper]:
    made = Keeper(manual_loop)
    yield made
    made.deadlines.close()
    made.loop.settle()
    assert len(made.deadlines) == 0
    assert asyncio.all_tasks(made.loop) == set()


def test_a_prediction_that_is_not_over_ends_at_its_deadline_and_is_stopped(keeper: Keeper) -> None:
    keeper.accept(ONE)
    keeper.pass_time(AFTER_S - 0.1)
    assert keeper.published == []
    keeper.pass_time(AFTER_S)
    assert keeper.published == [(spell(ONE), OUT_OF_TIME)]
    assert keeper.stopped == [spell(ONE)]
    assert len(keeper.deadlines) == 0


def test_nothing_is_kept_of_a_prediction_that_is_over(keeper: Keeper) -> None:
    keeper.accept(ONE)
    keeper.accept(OTHER)
    keeper.end(ONE)
    assert len(keeper.deadlines) == 1
    keeper.pass_time(AFTER_S)
    assert keeper.published == [(spell(OTHER), OUT_OF_TIME)]


def test_nothing_is_kept_of_what_was_not_accepted(keeper: Keeper) -> None:
    keeper.accept(ONE, OSError())
    assert len(keeper.deadlines) == 0
    keeper.pass_time(AFTER_S)
    assert keeper.published == []


def test_it_is_said_again_until_the_broker_takes_it(keeper: Keeper) -> None:
    keeper.is_away = True
    keeper.accept(ONE)
    keeper.pass_time(AFTER_S)
    assert (keeper.stopped, len(keeper.deadlines)) == ([], 1)
    keeper.is_away = False
    keeper.pass_time(AFTER_S + RETRY_S)
    assert keeper.published == [(spell(ONE), OUT_OF_TIME)]
    assert keeper.stopped == [spell(ONE)]


def test_it_is_not_said_any_more_of_a_prediction_that_ends_meanwhile(keeper: Keeper) -> None:
    keeper.is_away = True
    keeper.accept(ONE)
    keeper.pass_time(AFTER_S)
    keeper.end(ONE)
    keeper.is_away = False
    keeper.pass_time(AFTER_S + 2 * RETRY_S)
    assert keeper.published == []


def test_one_too_many_is_refused(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "MAX_OPEN", 1)
    keeper.accept(ONE)
    with pytest.raises(Unavailable):
        keeper.accept(OTHER)
    keeper.end(ONE)
    keeper.accept(OTHER)
    assert len(keeper.deadlines) == 1
