"""Assumptions of ``common/amqp`` about the frames of aiormq: ours are the same, byte for byte."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import aiormq
import pytest
from aiormq import spec
from pamqp import frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from common.amqp.channel import Channel, Delivery
from common.contract.messages import Message
from common.errors import ConnectionLost, Refused, Unconfirmed, Unroutable
from tests.contract.conftest import Ours, Theirs
from tests.contract.harness.scripted_broker import ScriptedBroker
from tests.support.harness.properties import properties

pytestmark = pytest.mark.usefixtures("bounded")

HELLO: Final = Message(type="test", body=b"hello", correlation_id="1")

MESSAGES: Final = {
    "a small body": (HELLO, "", 3),
    "an empty body": (Message(type="test", body=b"", correlation_id="1"), "", 2),
    "300 kB": (Message(type="test", body=300_000 * b"x", correlation_id="1"), "", 5),
    "a fanout exchange": (HELLO, "predictions.presence", 3),
    "headers in Unicode": (
        Message(type="test", body=b"1", correlation_id="1", headers={"größe": "℃", "n": 7}),
        "",
        3,
    ),
    "all properties": (
        Message(
            type="test",
            body=b"1",
            correlation_id="1",
            reply_to="amq.gen-1",
            expiration_ms=1500,
            timestamp_s=1_700_000_000,
            headers={"traceparent": "00-1-2-01"},
        ),
        "",
        3,
    ),
    "empty strings": (Message(type="", body=b"1", correlation_id="", reply_to=""), "", 3),
}
"""Messages with the exchange to publish to, and the number of frames that they leave in."""


def channel_of(ours: Ours) -> Channel:
    """Return our channel above the one of aiormq."""
    return Channel(ours.channel, ours.connection.frames)


def message_id_of(sent: list[bytes]) -> str:
    """Return the message id of a publish."""
    header = frame.unmarshal(sent[1])[2]
    assert isinstance(header, ContentHeader)
    return header.properties.message_id or ""


@pytest.mark.parametrize(("message", "exchange", "frames"), MESSAGES.values(), ids=MESSAGES)
async def test_a_publish_leaves_the_bytes_and_the_delivery_tag_of_basic_publish(
    ours: Ours, theirs: Theirs, message: Message, exchange: str, frames: int
) -> None:
    confirm = channel_of(ours).publish_nowait(message, "q", exchange=exchange)
    sent = await ours.broker.publishes.get()
    publishing = asyncio.create_task(
        theirs.channel.basic_publish(
            message.body,
            exchange=exchange,
            routing_key="q",
            mandatory=not exchange,
            properties=properties(message, message_id_of(sent)),
            wait=False,
        )
    )
    assert sent == await theirs.broker.publishes.get()
    assert len(sent) == frames
    assert list(theirs.channel.confirmations) == [1]
    for each in (ours, theirs):
        each.broker.send(1, spec.Basic.Ack(1))
    assert isinstance(await publishing, spec.Basic.Ack)
    assert await confirm is None


Settle = Callable[[aiormq.Channel], Any]

SETTLEMENTS: Final[dict[str, tuple[str, Settle]]] = {
    "acknowledge": ("acknowledge", lambda raw: raw.basic_ack(1, wait=False)),
    "requeue": ("requeue", lambda raw: raw.basic_nack(1, requeue=True, wait=False)),
    "reject": ("reject", lambda raw: raw.basic_reject(1, requeue=False, wait=False)),
    "acknowledge several": (
        "acknowledge_up_to",
        lambda raw: raw.basic_ack(2, multiple=True, wait=False),
    ),
}


def deliver(broker: ScriptedBroker, *tags: int) -> None:
    """Deliver a message for each tag to the first consumer of the channel."""
    for tag in tags:
        delivery = spec.Basic.Deliver("1", tag, False, "", "q")
        header = ContentHeader(properties=properties(HELLO, str(tag)), body_size=len(HELLO.body))
        broker.send(1, delivery, header, ContentBody(HELLO.body))


@pytest.mark.parametrize("named", SETTLEMENTS)
async def test_a_settlement_leaves_the_bytes_of_aiormq(
    ours: Ours, theirs: Theirs, named: str
) -> None:
    method, settle = SETTLEMENTS[named]
    channel, arrived = channel_of(ours), asyncio.Queue[Delivery]()
    await channel.consume("q", arrived.put_nowait)
    deliver(ours.broker, 1, 2)
    for tag in (1, 2):
        assert (await arrived.get()).tag == tag
    argument = {"acknowledge": [1], "acknowledge_up_to": 2}.get(method, 1)
    await getattr(channel, method)(argument)
    await settle(theirs.channel)
    names = {f"Basic.{name}" for name in ("Ack", "Nack", "Reject")}
    assert await ours.broker.received(names) == await theirs.broker.received(names)


async def test_confirms_may_come_in_any_order(ours: Ours) -> None:
    channel = channel_of(ours)
    confirms = {tag: channel.publish_nowait(HELLO, "q") for tag in (1, 2, 3)}
    for tag in (2, 3, 1):
        ours.broker.send(1, spec.Basic.Ack(tag))
        await confirms.pop(tag)
        assert not any(confirm.done() for confirm in confirms.values())


async def test_an_acknowledgement_of_several_confirms_all_up_to_its_tag(ours: Ours) -> None:
    channel = channel_of(ours)
    confirms = [channel.publish_nowait(HELLO, "q") for _ in range(3)]
    ours.broker.send(1, spec.Basic.Ack(2, multiple=True))
    await asyncio.gather(*confirms[:2])
    assert not confirms[2].done()


async def return_publish(broker: ScriptedBroker, tag: int) -> None:
    """Return the next publish, then confirm it, as RabbitMQ does with one that is unroutable."""
    _, header, *body = [frame.unmarshal(raw)[2] for raw in await broker.publishes.get()]
    broker.send(1, spec.Basic.Return(312, "NO_ROUTE", "", "q"), header, *body)
    broker.send(1, spec.Basic.Ack(tag))


async def test_a_returned_message_finds_its_confirm_by_its_message_id(
    ours: Ours, caplog: pytest.LogCaptureFixture
) -> None:
    channel = channel_of(ours)
    routed, unroutable = (channel.publish_nowait(HELLO, "q") for _ in range(2))
    await ours.broker.publishes.get()
    await return_publish(ours.broker, 2)
    with pytest.raises(Unroutable):
        await unroutable
    assert not routed.done()
    ours.broker.send(1, spec.Basic.Ack(1))
    await routed
    assert not caplog.records


async def test_a_negative_acknowledgement_is_a_refusal(ours: Ours) -> None:
    confirm = channel_of(ours).publish_nowait(HELLO, "q")
    ours.broker.send(1, spec.Basic.Nack(1))
    with pytest.raises(Refused):
        await confirm


async def test_a_confirm_after_its_timeout_is_taken_without_a_line_in_the_log(
    ours: Ours, caplog: pytest.LogCaptureFixture
) -> None:
    channel = channel_of(ours)
    with pytest.raises(Unconfirmed):
        await channel.publish(HELLO, "q", timeout_s=0)
    await return_publish(ours.broker, 1)
    confirm = channel.publish_nowait(HELLO, "q")
    ours.broker.send(1, spec.Basic.Ack(2))
    await confirm
    assert not caplog.records


async def test_the_end_of_a_channel_fails_its_outstanding_confirms(ours: Ours) -> None:
    channel = channel_of(ours)
    confirms = [channel.publish_nowait(HELLO, "q") for _ in range(3)]
    channel.end(None)
    assert [type(confirm.exception()) for confirm in confirms] == 3 * [ConnectionLost]


async def test_frames_of_one_turn_of_the_loop_leave_in_one_write_with_those_of_aiormq(
    ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    writelines = asyncio.StreamWriter.writelines

    def count(writer: asyncio.StreamWriter, data: list[bytes]) -> None:
        writes.append(len(data))
        writelines(writer, data)

    monkeypatch.setattr(asyncio.StreamWriter, "writelines", count)
    channel = channel_of(ours)
    await ours.channel.basic_ack(1, wait=False)
    await asyncio.sleep(0)  # aiormq's own writer comes to it
    for _ in range(25):
        channel.publish_nowait(HELLO, "q")
    for _ in range(25):
        await ours.broker.publishes.get()
    assert sum(writes) == 26
    assert max(writes) >= 25
