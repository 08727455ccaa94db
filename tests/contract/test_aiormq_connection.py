"""Assumptions of ``common/amqp`` about connections of aiormq and aio-pika and their ends."""

import asyncio
from typing import Final

import aio_pika
import aiormq
import pytest
from aiormq import spec
from aiormq.connection import TCPTransportFactory, TransportFactory
from pamqp.frame import marshal
from pamqp.header import ContentHeader
from yarl import URL

from common.amqp.aiormq_internals import FrameConnection, is_blocked, underlay
from common.amqp.channel import Channel, Delivery
from common.amqp.error_mapping import mapped_errors
from common.amqp.login import close, connect
from common.amqp.session import Session
from common.contract.messages import Message
from common.errors import BrokerAway, ConnectionLost, Misconfigured
from common.telemetry.logs import REPORTED_BY_US
from predictmq.local.ports import LOOPBACK, free_port
from tests.contract.conftest import Ours, settings
from tests.contract.harness.scripted_broker import ScriptedBroker
from tests.contract.harness.signatures import signatures
from tests.support.harness.waiting import until

pytestmark = pytest.mark.usefixtures("bounded")

HELLO: Final = Message(type="test", body=b"hello", correlation_id="1")


def test_the_methods_that_are_overridden_have_these_signatures() -> None:
    assert signatures(aio_pika.Connection, "connect") == {"connect": "async (self, timeout=None)"}
    assert signatures(TransportFactory, "create") == {"create": "async (self, url, **kwargs)"}


async def test_the_aiormq_connection_is_below_the_aio_pika_one(ours: Ours) -> None:
    assert isinstance(ours.connection, FrameConnection)
    assert isinstance(underlay(ours.connection), aiormq.Connection)
    assert underlay(ours.connection) is ours.channel.connection
    await close(ours.connection)
    with pytest.raises(ConnectionLost):
        underlay(ours.connection)


async def test_a_port_that_nothing_listens_on_is_an_error_of_aiormq_for_both() -> None:
    url = URL(f"amqp://{LOOPBACK}:{free_port()}/")
    with pytest.raises(aiormq.exceptions.AMQPConnectionError) as theirs:
        await TCPTransportFactory().create(url)
    with pytest.raises(aiormq.exceptions.AMQPConnectionError) as ours:
        await FrameConnection(url).connect()
    assert ours.value.args[0] == theirs.value.args[0]


async def test_ready_ends_in_its_first_step_unless_the_broker_has_blocked_the_connection(
    ours: Ours,
) -> None:
    async def blocked() -> bool:
        return is_blocked(ours.connection)

    async def unblocked() -> bool:
        return not is_blocked(ours.connection)

    assert await unblocked()
    ours.broker.send(0, spec.Connection.Blocked("memory"))
    await until(blocked, lambda: "the connection is blocked")
    ours.broker.send(0, spec.Connection.Unblocked())
    await until(unblocked, lambda: "the connection is unblocked")


@pytest.mark.parametrize(
    ("method", "code", "named"),
    [("Connection.StartOk", 403, "RABBITMQ_DEFAULT_PASS"), ("Connection.Open", 530, "VHOST")],
)
async def test_a_close_during_login_is_an_exception_that_names_its_stage(
    scripted: ScriptedBroker, method: str, code: int, named: str
) -> None:
    scripted.answers[method] = spec.Connection.Close(code, "refused", 0, 0)
    with pytest.raises(Misconfigured, match=named):
        await connect(settings(scripted), "test")


async def test_a_socket_that_closes_during_login_is_a_connection_exception(
    scripted: ScriptedBroker,
) -> None:
    del scripted.answers["Connection.Open"]
    connecting = asyncio.create_task(connect(settings(scripted), "test"))
    await scripted.is_connected.wait()
    scripted.hang_up()
    with pytest.raises(BrokerAway, match="cannot be reached"):
        await connecting


async def test_the_end_of_a_channel_is_in_its_closing_future_with_the_brokers_reason(
    ours: Ours,
) -> None:
    session = Session(ours.connection, lambda: None)
    channel = await session.channel()
    confirm = channel.publish_nowait(HELLO, "q")
    ours.broker.send(2, spec.Channel.Close(404, "NOT_FOUND - no queue", 0, 0))
    assert "a channel was closed: NOT_FOUND - no queue" in await session.ended
    assert isinstance(confirm.exception(), ConnectionLost)
    assert not channel.is_open


async def test_a_publish_without_permission_is_refused_access(ours: Ours) -> None:
    closing = ours.channel.closing
    ours.broker.send(1, spec.Channel.Close(403, "ACCESS_REFUSED", 0, 0))
    with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
        await closing


async def test_a_consumer_that_the_broker_cancels_is_reported_to_the_callbacks(
    ours: Ours,
) -> None:
    session = Session(ours.connection, lambda: None)
    await (await session.channel()).consume("q", lambda _: None)
    ours.broker.send(2, spec.Basic.Cancel("a tag"))
    assert await session.ended == "the broker cancelled a consumer"


async def test_the_end_of_a_connection_is_in_its_closing_future_with_the_brokers_reason(
    ours: Ours, caplog: pytest.LogCaptureFixture
) -> None:
    session = Session(ours.connection, lambda: None)
    confirm = (await session.channel()).publish_nowait(HELLO, "q")
    ours.broker.send(0, spec.Connection.Close(320, "CONNECTION_FORCED - mended", 0, 0))
    assert "CONNECTION_FORCED - mended" in await session.ended
    await asyncio.wait((confirm,))
    assert isinstance(confirm.exception(), ConnectionLost)
    assert caplog.records
    assert {record.name for record in caplog.records} <= set(REPORTED_BY_US)


async def test_calls_fail_with_a_bare_exception_when_the_peer_hangs_up_amid_deliveries(
    ours: Ours,
) -> None:
    declaring = asyncio.create_task(ours.channel.queue_declare("q"))
    await asyncio.sleep(0)
    for tag in range(20):  # more than a channel takes at once, so that the end is read later
        ours.broker.send(1, spec.Basic.Deliver("no tag", tag, False, "", "q"), ContentHeader())
    ours.broker.hang_up()
    with pytest.raises(ConnectionLost) as raised, mapped_errors():
        await declaring
    assert type(raised.value.__cause__) is Exception


async def test_calls_fail_with_a_stray_cancelled_error_when_the_peer_falls_silent(
    scripted: ScriptedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.amqp.login.HEARTBEAT_S", 1)
    monkeypatch.setattr(aiormq.Connection, "HEARTBEAT_GRACE_MULTIPLIER", 0.01)
    connection = await connect(settings(scripted), "test")
    channel = await underlay(connection).channel()
    with pytest.raises(ConnectionLost) as raised, mapped_errors():
        await channel.queue_declare("q")
    assert isinstance(raised.value.__cause__, asyncio.CancelledError)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    await close(connection)


async def test_aiormq_stays_connected_while_it_sees_no_frames_but_heartbeats_of_ours(
    scripted: ScriptedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.amqp.login.HEARTBEAT_S", 1)
    monkeypatch.setattr("common.amqp.transport.SIGN_OF_LIFE_S", 0.1)
    monkeypatch.setattr(aiormq.Connection, "HEARTBEAT_GRACE_MULTIPLIER", 0.25)
    connection = await connect(settings(scripted), "test")
    session = Session(connection, lambda: None)
    channel = await session.channel()
    for _ in range(15):  # aiormq looks each second whether it saw a frame in the last half
        scripted.send(1, spec.Basic.Ack(1))
        await asyncio.wait((session.ended,), timeout=0.1)
    assert channel.is_open
    await session.ended  # in the silence that follows
    await close(connection)


async def test_a_consumer_is_known_to_aiormq_by_our_tag_and_its_deliveries_are_not(
    ours: Ours, caplog: pytest.LogCaptureFixture
) -> None:
    channel = Channel(ours.channel, ours.connection.frames)
    arrived: asyncio.Queue[Delivery] = asyncio.Queue()
    tag = await channel.consume("q", arrived.put_nowait)
    assert list(ours.channel.consumers) == [tag]
    ours.broker.send(1, spec.Basic.Deliver(tag, 7, False, "", "q"), ContentHeader())
    assert (await arrived.get()).tag == 7
    ours.broker.answers["Basic.Cancel"] = spec.Basic.CancelOk(tag)
    await channel.cancel(tag)
    assert not ours.channel.consumers
    assert ours.channel.frames.empty()
    assert not caplog.records


@pytest.mark.parametrize("end", ["cancel", "close"])
async def test_an_acknowledgement_precedes_what_is_called_after_it(ours: Ours, end: str) -> None:
    channel = Channel(ours.channel, ours.connection.frames)
    arrived: asyncio.Queue[Delivery] = asyncio.Queue()
    tag = await channel.consume("q", arrived.put_nowait)
    ours.broker.answers["Basic.Cancel"] = spec.Basic.CancelOk(tag)
    ours.broker.send(1, spec.Basic.Deliver(tag, 7, False, "", "q"), ContentHeader())
    await arrived.get()
    await channel.acknowledge([7])
    await (channel.cancel(tag) if end == "cancel" else channel.close())
    names = []
    while not ours.broker.others.empty():
        names.append(ours.broker.others.get_nowait()[0])
    assert names[-2:] == ["Basic.Ack", "Basic.Cancel" if end == "cancel" else "Channel.Close"]


async def test_a_frame_without_its_end_ends_the_connection(ours: Ours) -> None:
    session = Session(ours.connection, lambda: None)
    await session.channel()
    frame = marshal(spec.Basic.Ack(1), 2)
    ours.broker.send_bytes(frame[:-1] + b"\x00")
    await session.ended
