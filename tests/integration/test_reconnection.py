"""Reconnection of a supervised connection, after each kind of loss."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aio_pika.abc import AbstractChannel
from structlog.testing import capture_logs

from common.amqp.channel import Delivery
from common.amqp.connection import SupervisedConnection
from common.contract.messages import Message
from common.errors import BrokerAway, ConnectionLost
from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.integration.conftest import Opened
from tests.support.harness.waiting import until

HELLO = Message(type="test", body=b"hello", correlation_id="1")


def _lost_once(connection: SupervisedConnection) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return connection.reconnects == 1

    return holds


async def test_a_closed_connection_is_set_up_again_and_the_brokers_reason_is_logged(
    opened: Opened, broker: PrivateBroker
) -> None:
    lost = asyncio.Event()
    set_ups: list[SupervisedConnection] = []

    async def count(connection: SupervisedConnection) -> None:
        set_ups.append(connection)

    with capture_logs() as logs:
        connection = await opened(count, lost.set)
        await asyncio.to_thread(broker.ctl, "close_all_connections", "--global", "mended")
        await asyncio.wait_for(lost.wait(), 10)
        await connection.ready(10)
    assert len(set_ups) == 2
    assert connection.reconnects == 1
    (reason,) = [line["reason"] for line in logs if line["event"] == "broker connection lost"]
    assert "CONNECTION_FORCED - mended" in reason


async def test_the_brokers_reason_for_closing_a_channel_is_logged(opened: Opened) -> None:
    connection = await opened()
    with capture_logs() as logs:
        channel = await connection.channel()
        with pytest.raises(ConnectionLost):
            await channel.consume("no such queue", lambda _: None)
        await until(_lost_once(connection), lambda: "the connection is lost")
    reasons = [line["reason"] for line in logs if line["event"] == "broker connection lost"]
    assert "no queue 'no such queue'" in " ".join(reasons)


async def test_a_connection_that_ends_at_once_is_retried_with_growing_pauses(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[int] = []

    def at_once(attempt: int) -> float:
        attempts.append(attempt)
        return 0.0

    monkeypatch.setattr("common.amqp.connection.backoff_s", at_once)
    endings: list[asyncio.Task[str]] = []

    async def end(connection: SupervisedConnection) -> None:
        channel = await connection.channel()
        endings.append(asyncio.create_task(channel.consume("no such queue", lambda _: None)))

    async def four_times() -> bool:
        return len(attempts) >= 4

    await opened(end)
    await until(four_times, lambda: "four connections")
    assert attempts[:4] == [0, 1, 2, 3]
    await asyncio.gather(*endings, return_exceptions=True)


async def test_a_consumer_that_the_broker_cancels_subscribes_again(
    opened: Opened, raw: AbstractChannel
) -> None:
    arrived: asyncio.Queue[Delivery] = asyncio.Queue()

    async def consume(connection: SupervisedConnection) -> None:
        await raw.declare_queue("q", durable=True)
        await (await connection.channel()).consume("q", arrived.put_nowait, prefetch=1)

    connection = await opened(consume)
    await raw.queue_delete("q")

    async def set_up_again() -> bool:
        return connection.is_up and connection.reconnects == 1

    await until(set_up_again, lambda: "a new connection")
    await connection.publish(HELLO, "q", timeout_s=5)
    assert (await asyncio.wait_for(arrived.get(), 5)).message.body == b"hello"


async def test_a_publish_during_the_end_of_a_connection_fails_with_it(
    opened: Opened, broker: PrivateBroker, raw: AbstractChannel
) -> None:
    await raw.declare_queue("q", durable=True)
    connection = await opened()
    closing = asyncio.create_task(
        asyncio.to_thread(broker.ctl, "close_all_connections", "--global", "mended")
    )
    publishing = []
    async with asyncio.timeout(10):
        while connection.is_up:
            for _ in range(20):
                publish = connection.publish(HELLO, "q", timeout_s=60)
                publishing.append(asyncio.create_task(publish))
            await asyncio.wait(publishing[-20:], return_when=asyncio.FIRST_COMPLETED)
        ends = await asyncio.gather(*publishing, return_exceptions=True)
    assert {type(end) for end in ends} - {type(None), BrokerAway} == {ConnectionLost}
    await closing
