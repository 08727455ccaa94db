"""The state after events of the reply stream, in any order."""

from collections.abc import Callable
from typing import Final

import pytest
import structlog

from common.contract.messages import Message, MessageType, Reply
from common.contract.progress import Progress, started
from gateway.prediction_id import PredictionIds, spell
from gateway.reply_stream.idempotency_claims import IdempotencyClaims
from gateway.reply_stream.live_events import LiveEvents
from gateway.reply_stream.projection import Projection
from gateway.reply_stream.results import Results
from gateway.reply_stream.waiters import Waiters

NOW_S: Final = 1_700_000_000.0
LIFE_S: Final = 60
IDS: Final = PredictionIds(b"key", LIFE_S, lambda: NOW_S)
ONE: Final = IDS.mint()

SUCCEEDED: Final = Reply.succeeded(b"1", b"2").to_message(spell(ONE), 0)
STARTED: Final = started(spell(ONE), 0)
HALF: Final = Progress(0.5).to_message(spell(ONE), 0)


class ProjectionWithState(Projection):
    """A new projection, and the state that it changes."""

    def __init__(self) -> None:
        self.results = Results(10_000, LIFE_S, lambda: NOW_S)
        self.live_events = LiveEvents()
        claims = IdempotencyClaims(LIFE_S, LIFE_S / 2, lambda: NOW_S)
        waiters = Waiters(self.results.__contains__)
        super().__init__(IDS, self.results, waiters, self.live_events, claims)


@pytest.fixture
def projection() -> ProjectionWithState:
    return ProjectionWithState()


def apply(projection: Projection, *messages: Message) -> list[Message]:
    """Apply the events of a stream; return the final states of known predictions."""
    numbered = enumerate(messages, start=1)
    return [message for offset, message in numbered if projection.apply(message, offset)]


def test_started_and_progress_are_no_final_states(projection: ProjectionWithState) -> None:
    apply(projection, STARTED, HALF)
    assert ONE not in projection.results
    assert [event.offset for event in projection.live_events.last_events(ONE).in_order()] == [1, 2]


def test_live_events_after_the_final_state_are_ignored(projection: ProjectionWithState) -> None:
    apply(projection, STARTED, SUCCEEDED, STARTED, HALF)
    assert projection.results.offset(ONE) == 2
    assert projection.live_events.last_events(ONE).in_order() == []


@pytest.mark.parametrize(
    "make", [lambda name: started(name, 0), lambda name: Progress(1.0).to_message(name, 0)]
)
def test_events_of_unknown_predictions_are_ignored(
    projection: ProjectionWithState, make: Callable[[str], Message]
) -> None:
    with structlog.testing.capture_logs():
        apply(projection, make("a stranger"), make(spell(PredictionIds(b"?", 1, lambda: 0).mint())))
    assert projection.live_events.last_events(ONE).in_order() == []


def test_progress_that_cannot_be_read_is_logged_and_ignored(
    projection: ProjectionWithState,
) -> None:
    broken = Message(type=MessageType.PROGRESS, body=b"half", correlation_id=spell(ONE))
    with structlog.testing.capture_logs() as logs:
        apply(projection, broken)
    assert [line["event"] for line in logs] == ["not progress"]
    assert projection.live_events.last_events(ONE).in_order() == []


async def test_a_second_final_state_reaches_no_follower(projection: ProjectionWithState) -> None:
    apply(projection, SUCCEEDED)
    with projection.live_events.follow(ONE) as follower:
        projection.apply(SUCCEEDED, 9)
        assert await follower.next(0) is None
    assert projection.results.offset(ONE) == 1


def test_only_final_states_of_ours_are_reported_as_such(projection: ProjectionWithState) -> None:
    not_ours = Reply.succeeded(b"1", b"2").to_message("not ours", 0)
    with structlog.testing.capture_logs():
        final = apply(projection, STARTED, HALF, SUCCEEDED, not_ours)
    assert final == [SUCCEEDED]
