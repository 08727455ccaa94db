"""Deadlines that callers set, on a manual clock."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import pytest

from common.contract.messages import Reply
from common.errors import Refused, Unavailable
from gateway.prediction_id import NO_OWNER, PredictionId, spell
from gateway.predictions import deadlines
from gateway.predictions.deadlines import OUT_OF_TIME, RETRY_S, Deadlines
from gateway.request_reply.final_states import FinalStates
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.reply_stream import ScriptedReplyStream

ONE: Final = PredictionId(1)
OTHER: Final = PredictionId(2)
AFTER_S: Final = 10.0


class DeadlineWorld(FinalStates):
    """The deadlines of a gateway, and a broker that may be away."""

    def __init__(self, loop: ManualLoop, owners: tuple[str, ...] = ()) -> None:
        self.loop = loop
        self.stream = ScriptedReplyStream(self.loop.time)
        self.deadlines = Deadlines(self.stream, self, owners)
        self.published: list[tuple[str, Reply]] = []
        self.stopped: list[str] = []
        self.is_away = False

    async def publish(self, correlation_id: str, final: Reply, timeout_s: float) -> None:
        if self.is_away:
            raise Refused("The queue is full.")
        self.published.append((correlation_id, final))

    def notify_predictors(self, correlation_id: str) -> None:
        self.stopped.append(correlation_id)

    def accept(
        self,
        prediction_id: PredictionId,
        error: BaseException | None = None,
        owner: str = NO_OWNER,
    ) -> None:
        """Accept a prediction with a deadline, or fail to."""

        async def accepted() -> None:
            with suppress(OSError), self.deadlines.keep(prediction_id, AFTER_S, owner):
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
def world(manual_loop: ManualLoop) -> Iterator[DeadlineWorld]:
    made = DeadlineWorld(manual_loop)
    yield made
    made.deadlines.close()
    made.loop.settle()
    assert len(made.deadlines) == 0
    assert asyncio.all_tasks(made.loop) == set()


def test_a_prediction_is_ended_and_stopped_at_its_deadline(world: DeadlineWorld) -> None:
    world.accept(ONE)
    world.pass_time(AFTER_S - 0.1)
    assert world.published == []
    world.pass_time(AFTER_S)
    assert world.published == [(spell(ONE), OUT_OF_TIME)]
    assert world.stopped == [spell(ONE)]
    assert len(world.deadlines) == 0


def test_the_deadline_of_a_prediction_with_a_final_state_is_dropped(world: DeadlineWorld) -> None:
    world.accept(ONE)
    world.accept(OTHER)
    world.end(ONE)
    assert len(world.deadlines) == 1
    world.pass_time(AFTER_S)
    assert world.published == [(spell(OTHER), OUT_OF_TIME)]


def test_the_deadline_of_a_prediction_that_is_not_accepted_is_dropped(
    world: DeadlineWorld,
) -> None:
    world.accept(ONE, OSError())
    assert len(world.deadlines) == 0
    world.pass_time(AFTER_S)
    assert world.published == []


def test_the_final_state_of_a_deadline_is_published_again_until_it_is_confirmed(
    world: DeadlineWorld,
) -> None:
    world.is_away = True
    world.accept(ONE)
    world.pass_time(AFTER_S)
    assert (world.stopped, len(world.deadlines)) == ([], 1)
    world.is_away = False
    world.pass_time(AFTER_S + RETRY_S)
    assert world.published == [(spell(ONE), OUT_OF_TIME)]
    assert world.stopped == [spell(ONE)]


def test_the_final_state_of_a_deadline_is_not_published_after_another_one(
    world: DeadlineWorld,
) -> None:
    world.is_away = True
    world.accept(ONE)
    world.pass_time(AFTER_S)
    world.end(ONE)
    world.is_away = False
    world.pass_time(AFTER_S + 2 * RETRY_S)
    assert world.published == []


def test_a_deadline_beyond_the_limit_is_refused(
    manual_loop: ManualLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "MAX_OPEN", 1)
    world = DeadlineWorld(manual_loop)
    world.accept(ONE)
    with pytest.raises(Unavailable):
        world.accept(OTHER)
    world.end(ONE)
    world.accept(OTHER)
    assert len(world.deadlines) == 1


def test_deadlines_of_one_owner_leave_room_for_those_of_others(
    manual_loop: ManualLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "MAX_OPEN", 5)
    world = DeadlineWorld(manual_loop, ("alice", "bob"))
    for number in range(4):
        world.accept(PredictionId(number), owner="alice")
    with pytest.raises(Unavailable, match="deadline of their own with this API key"):
        world.accept(PredictionId(4), owner="alice")
    world.accept(PredictionId(5), owner="bob")
    world.end(PredictionId(0))
    world.end(PredictionId(5))
    world.accept(PredictionId(4), owner="alice")
