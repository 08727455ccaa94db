"""The consumer of the reply stream: catching up, acknowledging, resuming."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
import pytest

from common.amqp.channel import Delivery
from common.contract.messages import Message, MessageType, Reply
from common.contract.topology import CLOCK_SKEW_S
from gateway.prediction_id import PredictionIds, spell
from gateway.reply_stream.consumer import ACKNOWLEDGE_EVERY, ReplyStreamConsumer
from gateway.reply_stream.idempotency_claims import IdempotencyClaims
from gateway.reply_stream.live_events import LiveEvents
from gateway.reply_stream.projection import Projection
from gateway.reply_stream.results import Results
from gateway.reply_stream.waiters import Waiters
from tests.support.fakes.scripted import ScriptedChannel, ScriptedLink
from tests.support.harness.waiting import until

NOW_S: Final = 1_700_000_000.0
IDS: Final = PredictionIds(b"key", 60, lambda: NOW_S)


@pytest.fixture
def publisher() -> ScriptedLink:
    return ScriptedLink()


@pytest.fixture
def results() -> Results:
    return Results(10_000, 60, lambda: NOW_S)


@pytest.fixture
async def consumer(publisher: ScriptedLink, results: Results) -> AsyncIterator[ReplyStreamConsumer]:
    claims = IdempotencyClaims(60, 30, lambda: NOW_S)
    projection = Projection(IDS, results, Waiters(results.__contains__), LiveEvents(), claims)
    consumer = ReplyStreamConsumer(projection, publisher, 60, lambda: NOW_S)
    running = asyncio.create_task(consumer.run())
    yield consumer
    running.cancel()
    await asyncio.wait((running,))


def deliver(channel: ScriptedChannel, marker: str, offset: int) -> None:
    """Deliver a marker, as the stream does."""
    message = Message(
        type=MessageType.MARKER,
        body=b"",
        correlation_id=marker,
        headers={"x-stream-offset": offset},
    )
    channel.on_delivery(Delivery(message, channel, offset + 1))


def deliver_result(channel: ScriptedChannel, offset: int) -> None:
    """Deliver the final state of a new prediction, as the stream does."""
    final = Reply.succeeded(b"1", b"2").to_message(spell(IDS.mint()), 0)
    message = msgspec.structs.replace(final, headers={"x-stream-offset": offset})
    channel.on_delivery(Delivery(message, channel, offset + 1))


async def attached(
    consumer: ReplyStreamConsumer, publisher: ScriptedLink
) -> tuple[ScriptedChannel, str]:
    """Attach to a new connection; return its channel and the marker published for it."""
    channel, before = ScriptedChannel(), len(publisher.published)
    await consumer.attach(channel)
    await until(_published(publisher, before + 1), lambda: "a marker is sent")
    return channel, publisher.published[-1].correlation_id


def _published(publisher: ScriptedLink, count: int) -> Callable[[], Awaitable[bool]]:
    async def were_published() -> bool:
        return len(publisher.published) == count

    return were_published


async def test_a_gateway_has_caught_up_when_its_own_marker_is_delivered(
    consumer: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    channel, marker = await attached(consumer, publisher)
    caught_up = []
    for offset, delivered in enumerate(("of another gateway", marker, "of another gateway")):
        deliver(channel, delivered, offset)
        caught_up.append(consumer.caught_up)
    assert caught_up == [False, True, True]


async def test_a_gateway_catches_up_again_on_a_new_connection(
    consumer: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    first, old_marker = await attached(consumer, publisher)
    deliver(first, old_marker, 0)
    second, _ = await attached(consumer, publisher)
    assert not consumer.caught_up
    deliver(second, old_marker, 1)
    assert not consumer.caught_up


async def test_a_gateway_catches_up_again_after_it_may_have_missed_events(
    consumer: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    channel, old_marker = await attached(consumer, publisher)
    deliver(channel, old_marker, 0)
    consumer.fall_behind()
    assert not consumer.caught_up
    await until(_published(publisher, 2), lambda: "another marker is sent")
    caught_up = []
    for offset, marker in enumerate((old_marker, publisher.published[-1].correlation_id)):
        deliver(channel, marker, offset + 1)
        caught_up.append(consumer.caught_up)
    assert caught_up == [False, True]


async def test_a_delivery_of_an_old_connection_is_ignored(
    consumer: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    first, _ = await attached(consumer, publisher)
    second, marker = await attached(consumer, publisher)
    caught_up = []
    for channel in (first, second):
        deliver(channel, marker, 7)
        caught_up.append(consumer.caught_up)
    assert caught_up == [False, True]


async def test_a_blocked_broker_does_not_hold_up_the_replay(
    consumer: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    publisher.hold = asyncio.Event()
    channel, _ = await attached(consumer, publisher)
    for offset in range(ACKNOWLEDGE_EVERY):
        deliver(channel, "of another gateway", offset)

    async def acknowledged() -> bool:
        return channel.acknowledged == ACKNOWLEDGE_EVERY

    await until(acknowledged, lambda: "what was read is acknowledged", timeout_s=5)


async def test_the_consumer_resumes_at_its_last_event(
    consumer: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    first, _ = await attached(consumer, publisher)
    deliver(first, "the last one", 7)
    second, marker = await attached(consumer, publisher)
    assert second.started_at == 7
    deliver(second, "the last one", 7)
    deliver(second, marker, 8)
    assert consumer.caught_up


async def test_the_consumer_resumes_after_events_that_retention_has_dropped(
    consumer: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    first, _ = await attached(consumer, publisher)
    deliver(first, "the last one", 7)
    second, marker = await attached(consumer, publisher)
    deliver(second, marker, 100)
    assert consumer.caught_up


async def test_another_stream_is_read_from_its_beginning(
    consumer: ReplyStreamConsumer, publisher: ScriptedLink
) -> None:
    first, _ = await attached(consumer, publisher)
    deliver(first, "the last one", 7)
    second, marker = await attached(consumer, publisher)
    deliver(second, "of another stream", 7)
    deliver(second, marker, 8)  # events before these were missed
    assert not consumer.caught_up

    async def closed() -> bool:
        return second.is_closed

    await until(closed, lambda: "it begins again", timeout_s=5)
    third, marker = await attached(consumer, publisher)
    assert third.started_at == datetime.fromtimestamp(NOW_S - 60 - CLOCK_SKEW_S, UTC)
    deliver(third, marker, 0)
    assert consumer.caught_up


async def test_counted_are_events_that_are_younger_than_the_gateway_also_after_a_lost_connection(
    consumer: ReplyStreamConsumer, publisher: ScriptedLink, results: Results
) -> None:
    channel, lost = await attached(consumer, publisher)
    deliver_result(channel, 0)
    consumer.detach()
    channel, marker = await attached(consumer, publisher)
    deliver(channel, lost, 1)
    deliver_result(channel, 2)
    assert (len(results), results.recorded["succeeded"], channel.is_replay) == (2, 0, True)
    deliver(channel, marker, 3)
    deliver_result(channel, 4)
    assert (len(results), results.recorded["succeeded"], channel.is_replay) == (3, 1, False)
    consumer.detach()
    channel, _ = await attached(consumer, publisher)
    deliver_result(channel, 5)  # from the time without a connection
    assert (len(results), results.recorded["succeeded"], channel.is_replay) == (4, 2, False)
