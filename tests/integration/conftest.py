"""Connections of the code under test to the real broker, in the process of the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aio_pika.abc import AbstractChannel

from common.amqp.connection import SetUp, SupervisedConnection
from common.settings import BrokerSettings
from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.broker.raw import raw_channel
from tests.support.harness.services import new_vhost

Opened = Callable[..., Awaitable[SupervisedConnection]]


@pytest.fixture
def settings(broker: PrivateBroker) -> BrokerSettings:
    """The settings for the broker, with a vhost of this test."""
    return BrokerSettings(
        RABBITMQ_HOST=broker.host,
        RABBITMQ_PORT=broker.port,
        RABBITMQ_DEFAULT_USER=broker.user,
        RABBITMQ_DEFAULT_PASS=broker.password,
        RABBITMQ_VHOST=new_vhost(broker),
    )


@pytest.fixture
async def opened(settings: BrokerSettings) -> AsyncIterator[Opened]:
    """A function that opens supervised connections; they are closed after the test."""
    running: list[asyncio.Task[None]] = []

    async def nothing(_: SupervisedConnection) -> None: ...

    async def open_connection(
        set_up: SetUp = nothing, on_lost: Callable[[], None] = lambda: None
    ) -> SupervisedConnection:
        connection = SupervisedConnection(settings, "test", set_up, on_lost)
        running.append(asyncio.create_task(connection.run()))
        await connection.ready(10)
        return connection

    yield open_connection
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


@pytest.fixture
async def raw(broker: PrivateBroker, settings: BrokerSettings) -> AsyncIterator[AbstractChannel]:
    """A plain channel beside the connections under test."""
    async with raw_channel(broker, settings.vhost) as channel:
        yield channel
