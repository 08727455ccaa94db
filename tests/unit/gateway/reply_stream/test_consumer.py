"""When a gateway has caught up with the reply stream, and what it acknowledges."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

import pytest

from common.amqp.channel import Delivery
from common.contract.messages import Message, MessageType
from common.contract.topology import CLOCK_SKEW_S
from gateway.prediction_id import PredictionIds
from gateway.reply_stream.consumer import ACKNOWLEDGE_EVERY, ReplyStreamConsumer
from gateway.reply_stream.idempotency_claims import IdempotencyClaims
from gateway.reply_stream.live_events import LiveEvents
from gateway.reply_stream.projection import Projection
from gateway.reply_stream.results import Results
from gateway.reply_stream.waiters import Waiters
from tests.support.fakes.scripted import ScriptedChannel, ScriptedLink
from tests.support.harness.waiting import until

NOW_S: Final = 1_700_000_000.0


@pytest.fixture
def publisher() -> ScriptedLink:
    return ScriptedLink()


@pytest.fixture
async def journal(publisher: ScriptedLink) -> AsyncIterator[ReplyStreamConsumer]:
    ids = PredictionIds(b"key", 60, lambda: NOW_S)
    results = Results(10_000, 60, lambda: NOW_S)
    claims = IdempotencyClaims(60, 30, lambda: NOW_S)
    recorder = Projection(ids, results, Waiters(results.__contains__), LiveEvents(), claims)
    followed = ReplyStreamConsumer(recorder, publisher, 60, lambda: NOW_S)
    running = asyncio.create_task(followed.run())
    yield followed
    running.cancel()
    await asyncio.wait((running,))


def deliver(channel: ScriptedChannel, marker: str, offset: int) -> None:
    """Hand over a marker as the stream does."""
    message = Message(
        type=MessageType.MARKER,
        body=b"",
        correlation_id=marker,
        headers={"x-stream-offset": offset},
    )
    channel.on_delivery(Delivery(message, channel, offset + 1))


async def attached(
    journal: ReplyStreamConsumer, publisher: ScriptedLink
) -> tuple[ScriptedChannel, str]:
    """Attach to a new connection; returns its channel and the marker that was sent for it."""
    channel, before = ScriptedChannel(), len(publisher.published)
    await journal.attach(channel)
    await until(_published(publisher, before + 1), lambda: "a marker is sent")
    return channel, publisher.published[-1].correlation_id


def _published(publisher: ScriptedLink, count: int) -> Callable[[], Awaitable[bool]]:
    async def were_published() -> bool:
        return len(publisher.published) == count

    return were_published


async def test_only_its_own_marker_tells_that_it_has_caught_up(
    journal: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    channel, marker = await attached(journal, publisher)
    caught_up = []
    for offset, delivered in enumerate(("of another gateway", marker, "of another gateway")):
        deliver(channel, delivered, offset)
        caught_up.append(journal.caught_up)
    assert caught_up == [False, True, True]


async def test_on_a_new_connection_it_has_to_catch_up_again(
    journal: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    first, old_marker = await attached(journal, publisher)
    deliver(first, old_marker, 0)
    second, _ = await attached(journal, publisher)
    assert not journal.caught_up
    deliver(second, old_marker, 1)
    assert not journal.caught_up


async def test_when_it_may_have_missed_something_it_has_to_catch_up_again(
    journal: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    channel, old_marker = await attached(journal, publisher)
    deliver(channel, old_marker, 0)
    journal.fall_behind()
    assert not journal.caught_up
    await until(_published(publisher, 2), lambda: "another marker is sent")
    caught_up = []
    for offset, marker in enumerate((old_marker, publisher.published[-1].correlation_id)):
        deliver(channel, marker, offset + 1)
        caught_up.append(journal.caught_up)
    assert caught_up == [False, True]


async def test_what_an_old_connection_still_delivers_counts_for_nothing(
    journal: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    first, _ = await attached(journal, publisher)
    second, marker = await attached(journal, publisher)
    caught_up = []
    for channel in (first, second):
        deliver(channel, marker, 7)
        caught_up.append(journal.caught_up)
    assert caught_up == [False, True]


async def test_a_blocked_broker_does_not_hold_up_the_replay(
    journal: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    publisher.hold = asyncio.Event()
    channel, _ = await attached(journal, publisher)
    for offset in range(ACKNOWLEDGE_EVERY):
        deliver(channel, "of another gateway", offset)

    async def acknowledged() -> bool:
        return channel.acknowledged == ACKNOWLEDGE_EVERY

    await until(acknowledged, lambda: "what was read is acknowledged", timeout_s=5)


async def test_it_goes_on_from_the_last_event_it_has_read(
    journal: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    first, _ = await attached(journal, publisher)
    deliver(first, "the last one", 7)
    second, marker = await attached(journal, publisher)
    assert second.started_at == 7
    deliver(second, "the last one", 7)
    deliver(second, marker, 8)
    assert journal.caught_up


async def test_it_goes_on_where_retention_has_dropped_what_it_had_read(
    journal: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    first, _ = await attached(journal, publisher)
    deliver(first, "the last one", 7)
    second, marker = await attached(journal, publisher)
    deliver(second, marker, 100)
    assert journal.caught_up


async def test_another_stream_is_read_from_its_beginning(
    journal: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    first, _ = await attached(journal, publisher)
    deliver(first, "the last one", 7)
    second, marker = await attached(journal, publisher)
    deliver(second, "of another stream", 7)
    deliver(second, marker, 8)  # it has missed what came before
    assert not journal.caught_up

    async def closed() -> bool:
        return second.is_closed

    await until(closed, lambda: "it begins again", timeout_s=5)
    third, marker = await attached(journal, publisher)
    assert third.started_at == datetime.fromtimestamp(NOW_S - 60 - CLOCK_SKEW_S, UTC)
    deliver(third, marker, 0)
    assert journal.caught_up
