"""The supervised connection against a real broker."""

import asyncio
from typing import Any

import msgspec
import pytest
from aio_pika.abc import AbstractChannel

from common.amqp.channel import Delivery
from common.amqp.connection import SupervisedConnection
from common.contract.messages import Message
from common.errors import (
    BrokerAway,
    Misconfigured,
    Refused,
    Unconfirmed,
    Unroutable,
)
from common.settings import BrokerSettings
from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.integration.conftest import Opened
from tests.support.harness.broker.alarm import memory_alarm
from tests.support.harness.waiting import until

HELLO = Message(type="test", body=b"hello", correlation_id="1", headers={"a": "b"})


async def test_a_message_is_delivered_as_it_was_published(
    opened: Opened, raw: AbstractChannel
) -> None:
    arrived: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()
    await raw.declare_queue("q", durable=True)

    async def consume(connection: SupervisedConnection) -> None:
        await (await connection.channel()).consume("q", arrived.set_result, prefetch=1)

    connection = await opened(consume)
    message = Message(
        type="test",
        body=b"\x00\xff",
        correlation_id="42",
        reply_to="somewhere",
        expiration_ms=60_000,
        timestamp_s=1_700_000_000,
        headers={"traceparent": "00-1-2-3"},
    )
    await connection.publish(message, "q", timeout_s=5)
    delivery = await asyncio.wait_for(arrived, 5)
    assert delivery.message == message
    await delivery.channel.acknowledge([delivery.tag])


async def test_a_return_after_the_deadline_of_its_publish_is_ignored_and_not_logged(
    opened: Opened, raw: AbstractChannel, caplog: pytest.LogCaptureFixture
) -> None:
    await raw.declare_queue("q", durable=True)
    connection = await opened()
    with pytest.raises(Unconfirmed):
        await connection.publish(HELLO, "no such queue", timeout_s=0)
    await connection.publish(HELLO, "q", timeout_s=5)  # behind it
    assert not [record for record in caplog.records if record.name.startswith("aiormq")]


async def test_messages_published_at_once_leave_in_one_packet(
    opened: Opened, raw: AbstractChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    await raw.declare_queue("q", durable=True)
    connection = await opened()
    packets: list[int] = []
    writelines = asyncio.StreamWriter.writelines

    def count(writer: asyncio.StreamWriter, data: list[bytes]) -> None:
        packets.append(sum(HELLO.body in each for each in data))
        writelines(writer, data)

    monkeypatch.setattr(asyncio.StreamWriter, "writelines", count)
    async with asyncio.TaskGroup() as publishing:
        for _ in range(25):
            publishing.create_task(connection.publish(HELLO, "q", timeout_s=5))
    assert [each for each in packets if each] == [25]


@pytest.mark.parametrize(
    "acknowledged", [[[1, 2, 3]], [[2, 3], [1]], [[3, 4], [1], [2, 5]], [[6, 1]], [[4], [3, 5]]]
)
async def test_deliveries_acknowledged_together_acknowledge_no_other(
    opened: Opened, raw: AbstractChannel, acknowledged: list[list[int]]
) -> None:
    arrived: list[Delivery] = []
    queue = await raw.declare_queue("q", durable=True)

    async def consume(connection: SupervisedConnection) -> None:
        await (await connection.channel()).consume("q", arrived.append, prefetch=6)

    connection = await opened(consume)
    for number in range(1, 7):
        named = msgspec.structs.replace(HELLO, correlation_id=str(number))
        await connection.publish(named, "q", timeout_s=5)
    await until(lambda: _has(arrived, 6), lambda: "six deliveries")
    for tags in acknowledged:
        await arrived[0].channel.acknowledge(tags)
    await arrived[0].channel.close()
    rest = set(range(1, 7)) - {tag for tags in acknowledged for tag in tags}
    await until(lambda: _has(arrived, 6 + len(rest)), lambda: f"{rest} come again")
    again = {int(delivery.message.correlation_id) for delivery in arrived[6:]}
    assert again == rest
    await arrived[-1].channel.acknowledge_up_to(len(rest))
    await arrived[-1].channel.close()
    await connection.ready(10)
    assert await queue.get(fail=False) is None


async def test_a_message_without_a_queue_is_unroutable(opened: Opened) -> None:
    connection = await opened()
    with pytest.raises(Unroutable):
        await connection.publish(HELLO, "no such queue", timeout_s=5)
    assert connection.is_up


async def test_a_full_queue_refuses_a_message(opened: Opened, raw: AbstractChannel) -> None:
    full: dict[str, Any] = {"x-max-length": 1, "x-overflow": "reject-publish"}
    await raw.declare_queue("full", durable=True, arguments=full)
    connection = await opened()
    await connection.publish(HELLO, "full", timeout_s=5)
    with pytest.raises(Refused):
        await connection.publish(HELLO, "full", timeout_s=5)
    assert connection.is_up


async def test_a_returned_message_fails_no_other_publish(
    opened: Opened, raw: AbstractChannel
) -> None:
    await raw.declare_queue("q", durable=True)
    connection = await opened()
    queues = ["q", "nowhere"] * 50
    outcomes = await asyncio.gather(
        *(connection.publish(HELLO, queue, timeout_s=5) for queue in queues),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), Unroutable] * 50


async def test_a_memory_alarm_is_noticed_and_clears_by_itself(
    opened: Opened, broker: PrivateBroker, raw: AbstractChannel
) -> None:
    await raw.declare_queue("q", durable=True)
    connection = await opened()

    async def blocked() -> bool:
        return connection.is_blocked

    async def unblocked() -> bool:
        return not connection.is_blocked

    assert await unblocked()
    async with memory_alarm(broker):
        with pytest.raises(Unconfirmed):
            await connection.publish(HELLO, "q", timeout_s=1)
        assert await blocked()
    await until(unblocked, lambda: "the alarm is over")
    await connection.publish(HELLO, "q", timeout_s=5)


async def test_a_caller_that_is_cancelled_stays_cancelled(
    opened: Opened, raw: AbstractChannel
) -> None:
    await raw.declare_queue("q", durable=True)
    connection = await opened()
    publishing = asyncio.create_task(connection.publish(HELLO, "q", timeout_s=5))
    await asyncio.sleep(0)
    publishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publishing
    await connection.publish(HELLO, "q", timeout_s=5)


async def test_publishing_without_a_connection_raises_broker_away(settings: BrokerSettings) -> None:
    async def nothing(_: SupervisedConnection) -> None: ...

    connection = SupervisedConnection(settings, "never run", nothing)
    with pytest.raises(BrokerAway):
        await connection.ready(0.01)
    with pytest.raises(BrokerAway):
        await connection.publish(HELLO, "q", timeout_s=1)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"password": "wrong"}, "RABBITMQ_DEFAULT_PASS"), ({"vhost": "none"}, "RABBITMQ_VHOST")],
)
async def test_a_login_that_the_broker_refuses_ends_the_connection_at_once(
    settings: BrokerSettings, wrong: dict[str, str], named: str
) -> None:
    async def nothing(_: SupervisedConnection) -> None: ...

    connection = SupervisedConnection(settings.model_copy(update=wrong), "test", nothing)
    with pytest.raises(Misconfigured, match=named):
        await asyncio.wait_for(connection.run(), 10)


async def _has(deliveries: list[Delivery], count: int) -> bool:
    return len(deliveries) == count
