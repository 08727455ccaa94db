"""A broker that sends nothing any more and keeps the connection open."""

import asyncio
from contextlib import suppress

import pytest
from aio_pika.abc import AbstractChannel

from common.amqp.connection import SupervisedConnection
from common.contract.messages import Message
from common.errors import ConnectionLost, Unconfirmed
from common.settings import BrokerSettings
from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.proxy import Fault, Proxy

HELLO = Message(type="test", body=b"hello", correlation_id="1")


async def test_a_silent_broker_is_distinguished_from_a_cancelled_caller(
    broker: PrivateBroker,
    settings: BrokerSettings,
    raw: AbstractChannel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nothing(_: SupervisedConnection) -> None: ...

    monkeypatch.setattr("common.amqp.login.HEARTBEAT_S", 1)  # noticed after some 6 s, not 33
    await raw.declare_queue("q", durable=True)
    async with Proxy(broker.host, broker.port) as proxy:
        through_proxy = settings.model_copy(update={"port": proxy.port})
        connection = SupervisedConnection(through_proxy, "test", nothing)
        running = asyncio.create_task(connection.run())
        await connection.ready(10)
        await connection.publish(HELLO, "q", timeout_s=5)
        proxy.inject(Fault.BLACKHOLE)
        waiting = asyncio.create_task(connection.publish(HELLO, "q", timeout_s=60))
        with pytest.raises(Unconfirmed):
            await connection.publish(HELLO, "q", timeout_s=0.5)
        with pytest.raises(ConnectionLost):  # where aiormq raises CancelledError
            await asyncio.wait_for(waiting, 30)
        assert not connection.is_up
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
