"""The last events of running predictions, and the events of followers."""

import asyncio
from typing import Final

from common.contract.messages import MessageType
from common.contract.progress import Progress
from gateway.prediction_id import PredictionId
from gateway.reply_stream.live_events import (
    MAX_KNOWN,
    MAX_UNREAD,
    Event,
    Follower,
    LastEvents,
    LiveEvents,
)

ONE: Final = PredictionId(1)
OTHER: Final = PredictionId(2)


def start(offset: int) -> Event:
    """Make a ``started`` event."""
    return Event(MessageType.STARTED, offset)


def progress(offset: int) -> Event:
    """Make a ``progress`` event."""
    return Event(MessageType.PROGRESS, offset, Progress(offset / 10_000))


async def offsets_of(follower: Follower) -> list[int]:
    """Read the offsets of all events that a follower has at once."""
    offsets = []
    while event := await follower.next(0):
        offsets.append(event.offset)
    return offsets


def test_the_start_and_the_last_progress_of_a_prediction_are_remembered() -> None:
    live_events = LiveEvents()
    for event in (start(1), progress(2), progress(3)):
        live_events.record(ONE, event)
    assert live_events.last_events(ONE) == LastEvents(start(1), progress(3))
    assert live_events.last_events(OTHER).in_order() == []


def test_a_prediction_that_starts_again_has_no_progress() -> None:
    live_events = LiveEvents()
    for event in (start(1), progress(2), start(3)):
        live_events.record(ONE, event)
    assert live_events.last_events(ONE).in_order() == [start(3)]


def test_predictions_beyond_the_limit_are_forgotten_the_least_recent_first() -> None:
    live_events = LiveEvents()
    for number in range(MAX_KNOWN):
        live_events.record(PredictionId(number), start(number))
    live_events.record(PredictionId(0), progress(MAX_KNOWN))
    live_events.record(PredictionId(MAX_KNOWN), start(MAX_KNOWN + 1))
    assert live_events.last_events(PredictionId(0)).in_order() == [start(0), progress(MAX_KNOWN)]
    assert live_events.last_events(PredictionId(1)).in_order() == []


async def test_a_final_state_reaches_the_followers_and_its_prediction_is_forgotten() -> None:
    live_events = LiveEvents()
    live_events.record(ONE, start(1))
    with live_events.follow(ONE) as follower, live_events.follow(OTHER) as other:
        live_events.record(ONE, progress(2))
        live_events.end(ONE, Event(MessageType.SUCCEEDED, 3))
        assert await offsets_of(follower) == [2, 3]
        assert await offsets_of(other) == []
    assert live_events.last_events(ONE).in_order() == []
    assert live_events.followers == 0


async def test_a_follower_that_does_not_keep_up_ends_after_its_unread_events() -> None:
    live_events = LiveEvents()
    with live_events.follow(ONE) as follower:
        for offset in range(MAX_UNREAD + 5):
            live_events.record(ONE, progress(offset))
        assert not follower.has_ended
        assert await offsets_of(follower) == list(range(MAX_UNREAD))
        assert follower.has_ended


async def test_an_interrupt_ends_present_and_later_followers() -> None:
    live_events = LiveEvents()
    with live_events.follow(ONE) as follower:
        waiting = asyncio.create_task(follower.next(60))
        await asyncio.sleep(0)
        live_events.interrupt()
        assert await waiting is None
        assert follower.has_ended
    with live_events.follow(OTHER) as late:
        assert late.has_ended


async def test_another_stream_ends_present_followers_but_not_later_ones() -> None:
    live_events = LiveEvents()
    live_events.record(ONE, start(7))
    with live_events.follow(ONE) as follower:
        live_events.begin_again()
        assert follower.has_ended
    assert live_events.last_events(ONE).in_order() == []
    with live_events.follow(ONE) as next_one:
        assert not next_one.has_ended
