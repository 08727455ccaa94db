"""Messages that cannot be read, published to a real broker: their consumers go on."""

import asyncio
from typing import Any, Final

import pytest
from aio_pika.abc import AbstractChannel
from structlog.testing import capture_logs

from common.amqp.channel import Delivery
from common.amqp.connection import SupervisedConnection
from common.contract.messages import Message, MessageType, Reply
from common.contract.progress import Progress, started
from common.contract.topology import REPLIES, shared_queues
from common.errors import UnknownPrediction
from gateway.prediction_id import PredictionIds, spell
from gateway.reply_stream.replays import Replays
from gateway.reply_stream.result_store import ResultStore
from gateway.reply_stream.results import Results
from tests.integration.conftest import Opened
from tests.support.harness.broker.raw import publish_unreadable
from tests.support.harness.waiting import until

HELLO: Final = Message(type="test", body=b"hello", correlation_id="1")


async def consuming(
    opened: Opened, queue: str, **options: Any
) -> tuple[SupervisedConnection, list[Delivery]]:
    """Consume ``queue`` on a supervised connection."""
    arrived: list[Delivery] = []

    async def consume(connection: SupervisedConnection) -> None:
        channel = await connection.channel()
        await channel.declare(shared_queues())
        await channel.consume(queue, arrived.append, prefetch=2, **options)

    return await opened(consume), arrived


@pytest.mark.parametrize("no_ack", [False, True])
async def test_a_consumer_of_a_queue_goes_on(
    opened: Opened, raw: AbstractChannel, no_ack: bool
) -> None:
    dead_letters: dict[str, Any] = {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "dead",
    }
    dead = await raw.declare_queue("dead", durable=True)
    await raw.declare_queue("q", durable=True, arguments=dead_letters)
    connection, arrived = await consuming(opened, "q", no_ack=no_ack)
    with capture_logs() as logs:
        for _ in range(5):
            await publish_unreadable(raw, "q")
        await connection.publish(HELLO, "q", timeout_s=5)

        async def has_arrived() -> bool:
            return bool(arrived)

        await until(has_arrived, lambda: "the readable message")
    assert arrived[0].message.body == b"hello"
    assert (connection.unreadable, connection.reconnects) == (5, 0)
    assert [line["event"] for line in logs] == 5 * ["message not readable"]

    async def are_dead() -> bool:
        found = await raw.declare_queue(dead.name, passive=True)
        return found.declaration_result.message_count == (0 if no_ack else 5)

    await until(are_dead, lambda: "all are dead-lettered")


async def test_a_consumer_of_the_reply_stream_goes_on(opened: Opened, raw: AbstractChannel) -> None:
    from_first = {"x-stream-offset": "first"}
    connection, arrived = await consuming(opened, REPLIES, arguments=from_first)
    for _ in range(5):  # more than its prefetch
        await publish_unreadable(raw, REPLIES)
    await connection.publish(HELLO, REPLIES, timeout_s=5)

    async def has_arrived() -> bool:
        return bool(arrived)

    await until(has_arrived, lambda: "the readable message")
    assert arrived[0].offset == 5
    assert (connection.unreadable, connection.reconnects) == (5, 0)
    await asyncio.wait_for(arrived[0].channel.acknowledge_up_to(arrived[0].tag), 5)
    assert connection.is_up


async def test_a_replay_and_a_read_back_go_on(opened: Opened, raw: AbstractChannel) -> None:
    ids = PredictionIds(b"key", 60, lambda: 0.0)
    one, another = ids.mint(), ids.mint()
    results = Results(0, 60, lambda: 0.0)
    results.record(another, Reply(MessageType.SUCCEEDED, b"{}"), 1)
    replays, store = Replays(), ResultStore(results, lambda: True)

    async def set_up(connection: SupervisedConnection) -> None:
        await (await connection.channel()).declare(shared_queues())
        replays.attach(await connection.channel())
        await store.attach(await connection.channel())

    connection = await opened(set_up)
    await connection.publish(started(spell(one), 0), REPLIES, timeout_s=5)
    for _ in range(3):
        await publish_unreadable(raw, REPLIES)
    await connection.publish(Progress(0.5).to_message(spell(one), 0), REPLIES, timeout_s=5)
    assert [event.offset for event in await replays.read(one, 0, 4)] == [0, 4]
    with pytest.raises(UnknownPrediction):  # of a stream that is another one by now
        await store.find(another)
    assert connection.is_up
