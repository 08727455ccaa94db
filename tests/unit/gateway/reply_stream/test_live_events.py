"""What is remembered of predictions that go on, and what followers are told."""

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
    """A model is about to run."""
    return Event(MessageType.STARTED, offset)


def progress(offset: int) -> Event:
    """It has come as far as that."""
    return Event(MessageType.PROGRESS, offset, Progress(offset / 10_000))


async def told(follower: Follower) -> list[int]:
    """The offsets of what a follower gets at once."""
    offsets = []
    while event := await follower.next(0):
        offsets.append(event.offset)
    return offsets


def test_of_each_prediction_the_start_and_the_last_progress_are_remembered() -> None:
    under_way = LiveEvents()
    for event in (start(1), progress(2), progress(3)):
        under_way.record(ONE, event)
    assert under_way.last_events(ONE) == LastEvents(start(1), progress(3))
    assert under_way.last_events(OTHER).in_order() == []


def test_one_that_starts_anew_has_come_nowhere() -> None:
    under_way = LiveEvents()
    for event in (start(1), progress(2), start(3)):
        under_way.record(ONE, event)
    assert under_way.last_events(ONE).in_order() == [start(3)]


def test_of_too_many_those_are_forgotten_that_were_not_heard_of_for_longest() -> None:
    under_way = LiveEvents()
    for number in range(MAX_KNOWN):
        under_way.record(PredictionId(number), start(number))
    under_way.record(PredictionId(0), progress(MAX_KNOWN))
    under_way.record(PredictionId(MAX_KNOWN), start(MAX_KNOWN + 1))
    assert under_way.last_events(PredictionId(0)).in_order() == [start(0), progress(MAX_KNOWN)]
    assert under_way.last_events(PredictionId(1)).in_order() == []


async def test_what_has_ended_is_forgotten_and_its_followers_are_told() -> None:
    under_way = LiveEvents()
    under_way.record(ONE, start(1))
    with under_way.follow(ONE) as follower, under_way.follow(OTHER) as other:
        under_way.record(ONE, progress(2))
        under_way.end(ONE, Event(MessageType.SUCCEEDED, 3))
        assert await told(follower) == [2, 3]
        assert await told(other) == []
    assert under_way.last_events(ONE).in_order() == []
    assert under_way.followers == 0


async def test_a_follower_that_does_not_keep_up_is_let_go_after_what_it_was_to_be_told() -> None:
    under_way = LiveEvents()
    with under_way.follow(ONE) as follower:
        for offset in range(MAX_UNREAD + 5):
            under_way.record(ONE, progress(offset))
        assert not follower.has_ended
        assert await told(follower) == list(range(MAX_UNREAD))
        assert follower.has_ended


async def test_an_interrupt_wakes_those_who_wait_and_lets_no_one_wait_again() -> None:
    under_way = LiveEvents()
    with under_way.follow(ONE) as follower:
        waiting = asyncio.create_task(follower.next(60))
        await asyncio.sleep(0)
        under_way.interrupt()
        assert await waiting is None
        assert follower.has_ended
    with under_way.follow(OTHER) as late:
        assert late.has_ended


async def test_another_stream_lets_followers_go_but_not_those_who_come_then() -> None:
    under_way = LiveEvents()
    under_way.record(ONE, start(7))
    with under_way.follow(ONE) as follower:
        under_way.begin_again()
        assert follower.has_ended
    assert under_way.last_events(ONE).in_order() == []
    with under_way.follow(ONE) as next_one:
        assert not next_one.has_ended
