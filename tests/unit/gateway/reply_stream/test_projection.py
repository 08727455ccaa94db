"""What events of the reply stream come to, whatever their order."""

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


@pytest.fixture
def recorder() -> Projection:
    """One that has heard nothing."""
    results = Results(10_000, LIFE_S, lambda: NOW_S)
    claims = IdempotencyClaims(LIFE_S, LIFE_S / 2, lambda: NOW_S)
    return Projection(IDS, results, Waiters(results.__contains__), LiveEvents(), claims)


def record(recorder: Projection, *messages: Message) -> None:
    """These stand in the stream, one after the other."""
    for offset, message in enumerate(messages, start=1):
        recorder.record(message, offset)


def test_started_and_progress_are_no_final_states(recorder: Projection) -> None:
    record(recorder, STARTED, HALF)
    assert ONE not in recorder.results
    assert [event.offset for event in recorder.under_way.last_events(ONE).in_order()] == [1, 2]


def test_after_the_end_nothing_is_heard_of_a_prediction(recorder: Projection) -> None:
    record(recorder, STARTED, SUCCEEDED, STARTED, HALF)
    assert recorder.results.offset(ONE) == 2
    assert recorder.under_way.last_events(ONE).in_order() == []


@pytest.mark.parametrize(
    "make", [lambda name: started(name, 0), lambda name: Progress(1.0).to_message(name, 0)]
)
def test_what_is_told_of_strangers_is_ignored(
    recorder: Projection, make: Callable[[str], Message]
) -> None:
    with structlog.testing.capture_logs():
        record(recorder, make("a stranger"), make(spell(PredictionIds(b"?", 1, lambda: 0).mint())))
    assert recorder.under_way.last_events(ONE).in_order() == []


def test_progress_that_cannot_be_read_is_logged_and_ignored(recorder: Projection) -> None:
    broken = Message(type=MessageType.PROGRESS, body=b"half", correlation_id=spell(ONE))
    with structlog.testing.capture_logs() as logs:
        record(recorder, broken)
    assert [line["event"] for line in logs] == ["not progress"]
    assert recorder.under_way.last_events(ONE).in_order() == []


async def test_a_second_end_wakes_and_tells_nobody(recorder: Projection) -> None:
    record(recorder, SUCCEEDED)
    with recorder.under_way.follow(ONE) as follower:
        recorder.record(SUCCEEDED, 9)
        assert await follower.next(0) is None
    assert recorder.results.offset(ONE) == 1


def test_each_final_state_of_ours_is_told_and_nothing_else(recorder: Projection) -> None:
    told: list[Message] = []
    recorder.on_final = told.append
    not_ours = Reply.succeeded(b"1", b"2").to_message("not ours", 0)
    with structlog.testing.capture_logs():
        record(recorder, STARTED, HALF, SUCCEEDED, not_ours)
    assert told == [SUCCEEDED]
