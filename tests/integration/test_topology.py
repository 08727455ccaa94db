"""The exchanges and queues of the contract, declared on a real broker."""

import asyncio

import pytest
from aio_pika.abc import AbstractChannel

from common.amqp.connection import SupervisedConnection
from common.contract.topology import model_queues, shared_queues, sync_queue
from common.errors import Misconfigured
from common.settings import BrokerSettings
from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.integration.conftest import Opened


async def test_the_topology_can_be_declared_repeatedly(opened: Opened) -> None:
    async def declare_twice(connection: SupervisedConnection) -> None:
        for _ in range(2):
            channel = await connection.channel()
            await channel.declare(shared_queues() + model_queues("demo", "quorum"))

    connection = await opened(declare_twice)
    assert connection.is_up


async def test_a_queue_of_another_version_is_named_with_a_remedy(
    settings: BrokerSettings, raw: AbstractChannel
) -> None:
    await raw.declare_queue(sync_queue("demo"), durable=True)

    async def declare(connection: SupervisedConnection) -> None:
        channel = await connection.channel()
        await channel.declare(shared_queues() + model_queues("demo", "quorum"))

    with pytest.raises(Misconfigured, match=r"'predictions\.demo\.sync'.*delete it"):
        await asyncio.wait_for(SupervisedConnection(settings, "test", declare).run(), 10)


async def test_a_missing_permission_is_named(
    settings: BrokerSettings, broker: PrivateBroker
) -> None:
    permissions = ("^other$", ".*", ".*")
    await asyncio.to_thread(
        broker.ctl, "set_permissions", "--vhost", settings.vhost, settings.user, *permissions
    )

    async def declare(connection: SupervisedConnection) -> None:
        await (await connection.channel()).declare(shared_queues())

    with pytest.raises(Misconfigured, match=r"may not declare 'predictions\.dead-letters'"):
        await asyncio.wait_for(SupervisedConnection(settings, "test", declare).run(), 10)
