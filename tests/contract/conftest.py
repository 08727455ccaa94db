"""Connections to scripted brokers, made by our code and by aiormq's own; a bound on each test."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import aiormq
import pytest

from common.amqp.aiormq_internals import FrameConnection, underlay
from common.amqp.login import close, connect
from common.settings import BrokerSettings
from predictmq.local.ports import LOOPBACK
from tests.contract.harness.scripted_broker import ScriptedBroker, scripted_broker

TIMEOUT_S: Final = 10


class Ours(NamedTuple):
    """A connection of our code, the first channel on it as aiormq has it, and its broker."""

    broker: ScriptedBroker
    connection: FrameConnection
    channel: aiormq.Channel


class Theirs(NamedTuple):
    """The first channel on a connection of aiormq's own, and its broker."""

    broker: ScriptedBroker
    channel: aiormq.Channel


def settings(broker: ScriptedBroker) -> BrokerSettings:
    """Return the settings of a service that connects to ``broker``."""
    return BrokerSettings(RABBITMQ_HOST=LOOPBACK, RABBITMQ_PORT=broker.port)


@pytest.fixture
async def bounded() -> AsyncIterator[None]:
    """A bound on a test that waits in vain for the library: it fails, and does not hang."""

    def cancel_all() -> None:
        for task in asyncio.all_tasks():
            task.cancel(f"not within {TIMEOUT_S} s")

    timer = asyncio.get_running_loop().call_later(TIMEOUT_S, cancel_all)
    yield
    timer.cancel()


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedBroker]:
    """A scripted broker without a connection."""
    async with scripted_broker() as broker:
        yield broker


@pytest.fixture
async def ours(scripted: ScriptedBroker) -> AsyncIterator[Ours]:
    """A connection as the services make it."""
    connection = await connect(settings(scripted), "test")
    channel = await underlay(connection).channel()
    assert isinstance(channel, aiormq.Channel)
    yield Ours(scripted, connection, channel)
    await close(connection)


@pytest.fixture
async def theirs() -> AsyncIterator[Theirs]:
    """A connection without anything of ours."""
    async with scripted_broker() as broker:
        connection = await aiormq.connect(f"amqp://guest:guest@{LOOPBACK}:{broker.port}/")
        channel = await connection.channel()
        assert isinstance(channel, aiormq.Channel)
        yield Theirs(broker, channel)
        await connection.close()
