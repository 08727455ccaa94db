"""Assumptions of ``common/amqp`` about the exceptions and loggers of aiormq and aio-pika."""

import asyncio
from typing import Final

import aio_pika.connection
import aiormq.connection
import pytest
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq import exceptions, spec
from pamqp.exceptions import PAMQPException

from common.amqp.channel import Channel
from common.amqp.error_mapping import map_error
from common.amqp.login import CLOSED_INSTEAD, connect
from common.contract.topology import model_queues
from common.errors import (
    BrokerAway,
    ConnectionLost,
    Misconfigured,
    NotPermitted,
    PredictionError,
    Unconfirmed,
)
from common.telemetry.logs import REPORTED_BY_US
from tests.contract.conftest import Ours, settings
from tests.contract.harness.scripted_broker import ScriptedBroker

OF_A_LOST_CONNECTION: Final = (
    exceptions.AMQPConnectionError,
    exceptions.ChannelClosed,
    exceptions.ChannelInvalidStateError,
    exceptions.ConnectionClosed,
    exceptions.IncompatibleProtocolError,
    exceptions.InvalidFrameError,
    exceptions.ProbableAuthenticationError,
    exceptions.ProtocolSyntaxError,
    ConnectionResetError,
    PAMQPException,
)


@pytest.mark.parametrize("exception", OF_A_LOST_CONNECTION)
def test_connection_exceptions_hold_all_that_the_loss_of_a_connection_raises(
    exception: type[Exception],
) -> None:
    assert issubclass(exception, CONNECTION_EXCEPTIONS)
    assert isinstance(map_error(exception("why")), ConnectionLost)


@pytest.mark.parametrize("exception", [ValueError, TypeError, KeyError, AssertionError])
def test_connection_exceptions_hold_none_that_a_defect_raises(exception: type[Exception]) -> None:
    assert not issubclass(exception, CONNECTION_EXCEPTIONS)
    assert map_error(exception("why")) is None


@pytest.mark.parametrize(
    ("exception", "ours"),
    [
        (exceptions.ChannelAccessRefused("why"), NotPermitted),
        (asyncio.CancelledError(), ConnectionLost),
        (TimeoutError(), Unconfirmed),
        (Exception(), ConnectionLost),
    ],
    ids=repr,
)
def test_exceptions_with_a_meaning_of_their_own_keep_it(
    exception: BaseException, ours: type[PredictionError]
) -> None:
    assert type(map_error(exception)) is ours


def test_exceptions_that_are_told_apart_stand_in_this_order() -> None:
    assert issubclass(exceptions.ChannelAccessRefused, CONNECTION_EXCEPTIONS)
    assert issubclass(TimeoutError, CONNECTION_EXCEPTIONS)


async def test_a_call_on_a_closed_channel_is_a_lost_connection(ours: Ours) -> None:
    await ours.channel.close()
    with pytest.raises(ConnectionLost) as raised:
        await Channel(ours.channel, ours.connection.frames).declare(model_queues("demo", "quorum"))
    assert isinstance(raised.value.__cause__, exceptions.ChannelInvalidStateError)


async def test_a_broker_that_closes_instead_of_opening_the_vhost_is_told_from_no_broker(
    scripted: ScriptedBroker,
) -> None:
    scripted.answers["Connection.Open"] = spec.Connection.Close(530, "not allowed", 10, 40)
    with pytest.raises(Misconfigured, match="RABBITMQ_VHOST") as refused:
        await connect(settings(scripted), "test")
    assert isinstance(refused.value.__cause__, exceptions.InvalidFrameError)
    assert CLOSED_INSTEAD in str(refused.value.__cause__)


async def test_a_peer_that_sends_another_frame_at_login_speaks_no_amqp(
    scripted: ScriptedBroker,
) -> None:
    scripted.answers["Connection.StartOk"] = spec.Connection.OpenOk()
    with pytest.raises(BrokerAway, match="does not speak AMQP") as away:
        await connect(settings(scripted), "test")
    assert isinstance(away.value.__cause__, exceptions.InvalidFrameError)


def test_the_loggers_of_connections_have_these_names() -> None:
    assert aiormq.connection.log.name in REPORTED_BY_US
    assert aio_pika.connection.log.name.partition(".")[0] in REPORTED_BY_US
