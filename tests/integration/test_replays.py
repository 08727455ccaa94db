"""Replays: events that a follower has missed, read from a real stream."""

import asyncio
from typing import Final

import pytest

from common.amqp.connection import SupervisedConnection
from common.contract.messages import MessageType
from common.contract.progress import Progress, started
from common.contract.topology import REPLIES, shared_queues
from common.errors import Unavailable
from gateway.prediction_id import PredictionIds, spell
from gateway.reply_stream.replays import PREFETCH, READERS_AT_ONCE, Replays
from tests.integration.conftest import Opened
from tests.support.harness.waiting import until

IDS: Final = PredictionIds(b"key", 60, lambda: 0.0)
ONE, OTHER = IDS.mint(), IDS.mint()
OTHERS: Final = 3 * PREFETCH
"""Messages of others between two of ours: more than are handed over at once."""


@pytest.fixture
async def replays(opened: Opened) -> Replays:
    """Replays of a stream with events of two predictions: ours are the first and the last three."""
    replays = Replays()

    async def set_up(connection: SupervisedConnection) -> None:
        await (await connection.channel()).declare(shared_queues())
        replays.attach(await connection.channel())

    connection = await opened(set_up, replays.detach)

    async def say(*events: Progress) -> None:
        for event in events:
            await connection.publish(event.to_message(spell(ONE), 0), REPLIES, timeout_s=10)

    await connection.publish(started(spell(ONE), 0), REPLIES, timeout_s=10)
    message = Progress(0.5).to_message(spell(OTHER), 0)
    for _ in range(OTHERS // 100):
        await asyncio.gather(
            *(connection.publish(message, REPLIES, timeout_s=10) for _ in range(100))
        )
    await say(Progress(0.1), Progress(0.2), Progress(0.3))
    return replays


async def test_a_replay_reads_exactly_the_events_between_two_offsets(replays: Replays) -> None:
    last = OTHERS + 3
    everything = await replays.read(ONE, 0, last)
    assert [event.offset for event in everything] == [0, last - 2, last - 1, last]
    assert [event.type for event in everything] == [
        MessageType.STARTED,
        *[MessageType.PROGRESS] * 3,
    ]
    assert [event.progress for event in everything[1:]] == [
        Progress(0.1),
        Progress(0.2),
        Progress(0.3),
    ]
    assert await replays.read(ONE, 1, last - 1) == everything[1:3]
    assert await replays.read(ONE, 1, OTHERS) == []


async def test_followers_that_resume_at_once_get_their_replays_in_turn(replays: Replays) -> None:
    last = OTHERS + 3
    found = await asyncio.gather(
        *(replays.read(ONE, last - 2, last) for _ in range(5 * READERS_AT_ONCE))
    )
    assert {len(events) for events in found} == {3}


async def test_a_follower_that_leaves_ends_its_replay_and_frees_its_place(
    replays: Replays,
) -> None:
    leaving = [
        asyncio.create_task(replays.read(ONE, 0, OTHERS + 3)) for _ in range(2 * READERS_AT_ONCE)
    ]
    await asyncio.sleep(0)  # some have begun, the others wait
    for task in leaving:
        task.cancel()
    await asyncio.wait(leaving)
    assert len(await replays.read(ONE, 0, OTHERS + 3)) == 4

    async def none_is_read() -> bool:
        return replays.reads_under_way == 0

    await until(none_is_read, lambda: "the reads of those who left end")


async def test_a_replay_without_a_connection_reads_nothing(replays: Replays) -> None:
    replays.detach()
    with pytest.raises(Unavailable):
        await replays.read(ONE, 0, 1)
