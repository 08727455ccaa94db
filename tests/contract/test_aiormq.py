"""Assumptions of ``common/amqp`` about the publishes and publisher confirms of aiormq."""

import asyncio
from typing import Final

import aiormq
import pytest
from aiormq import spec
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from common.amqp.aiormq_internals import fail_pending, publish_nowait
from common.amqp.channel import Channel
from common.amqp.codec import properties
from common.contract.messages import Message
from common.errors import ConnectionLost, Refused, Unconfirmed, Unroutable
from tests.contract.conftest import Ours, Theirs
from tests.contract.harness.scripted_broker import ScriptedBroker

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
}
"""Messages with the exchange to publish to, and the number of frames that they leave in."""


def basic_publish(
    channel: aiormq.Channel, message: Message, message_id: str, exchange: str = ""
) -> "asyncio.Task[object]":
    """Publish by aiormq's own method, with the arguments of our contract."""
    publishing = channel.basic_publish(
        message.body,
        exchange=exchange,
        routing_key="q",
        mandatory=not exchange,
        properties=properties(message, message_id),
        wait=False,
    )
    return asyncio.create_task(publishing)


@pytest.mark.parametrize(("message", "exchange", "frames"), MESSAGES.values(), ids=MESSAGES)
async def test_a_publish_leaves_the_bytes_and_the_bookkeeping_of_basic_publish(
    ours: Ours, theirs: Theirs, message: Message, exchange: str, frames: int
) -> None:
    publishing = basic_publish(theirs.channel, message, "an id", exchange)
    confirm = publish_nowait(ours.channel, message, "an id", "q", exchange)
    sent = await ours.broker.publishes.get()
    assert sent == await theirs.broker.publishes.get()
    assert len(sent) == frames
    assert ours.channel.delivery_tag == theirs.channel.delivery_tag == 1
    assert list(ours.channel.confirmations) == list(theirs.channel.confirmations) == [1]
    assert ours.channel.message_id_delivery_tag == theirs.channel.message_id_delivery_tag
    assert ours.channel.message_id_delivery_tag == {"an id": 1}
    for each in (ours, theirs):
        each.broker.send(1, spec.Basic.Ack(1))
    assert isinstance(await publishing, spec.Basic.Ack)
    assert isinstance(await confirm, spec.Basic.Ack)
    await asyncio.sleep(0)
    for channel in (ours.channel, theirs.channel):
        assert not channel.confirmations
        assert not channel.message_id_delivery_tag


async def test_publishes_of_both_kinds_share_one_sequence_of_delivery_tags(ours: Ours) -> None:
    first = basic_publish(ours.channel, HELLO, "first")
    await asyncio.sleep(0)
    second = publish_nowait(ours.channel, HELLO, "second", "q", "")
    third = basic_publish(ours.channel, HELLO, "third")
    for tag, publish in ((2, second), (3, third), (1, first)):
        ours.broker.send(1, spec.Basic.Ack(tag))
        acknowledged = await publish
        assert isinstance(acknowledged, spec.Basic.Ack)
        assert acknowledged.delivery_tag == tag


async def test_an_acknowledgement_of_several_confirms_all_up_to_its_tag(ours: Ours) -> None:
    confirms = [publish_nowait(ours.channel, HELLO, name, "q", "") for name in "abc"]
    ours.broker.send(1, spec.Basic.Ack(2, multiple=True))
    await asyncio.gather(*confirms[:2])
    assert not confirms[2].done()
    assert list(ours.channel.confirmations) == [3]


def returned(broker: ScriptedBroker, message: Message, message_id: str, tag: int) -> None:
    """Return a publish, then confirm it, as RabbitMQ does with one that is unroutable."""
    header = ContentHeader(properties=properties(message, message_id), body_size=len(message.body))
    basic_return = spec.Basic.Return(312, "NO_ROUTE", "", "q")
    broker.send(1, basic_return, header, ContentBody(message.body))
    broker.send(1, spec.Basic.Ack(tag))


async def test_a_returned_message_finds_its_confirm_by_its_message_id(
    ours: Ours, caplog: pytest.LogCaptureFixture
) -> None:
    routed, unroutable = (publish_nowait(ours.channel, HELLO, name, "q", "") for name in "ab")
    returned(ours.broker, HELLO, "b", 2)
    with pytest.raises(Unroutable) as raised:
        await unroutable
    assert isinstance(raised.value.__cause__, aiormq.exceptions.PublishError)
    assert not routed.done()
    ours.broker.send(1, spec.Basic.Ack(1))
    await routed
    assert not ours.channel.confirmations
    assert not caplog.records


async def test_a_negative_acknowledgement_is_a_delivery_error(ours: Ours) -> None:
    confirm = publish_nowait(ours.channel, HELLO, "an id", "q", "")
    ours.broker.send(1, spec.Basic.Nack(1))
    with pytest.raises(Refused) as raised:
        await confirm
    assert isinstance(raised.value.__cause__, aiormq.exceptions.DeliveryError)


async def test_a_confirm_after_its_timeout_is_taken_without_a_line_in_the_log(
    ours: Ours, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Unconfirmed):
        await Channel(ours.channel).publish(HELLO, "q", timeout_s=0)
    (message_id,) = ours.channel.message_id_delivery_tag
    returned(ours.broker, HELLO, message_id, 1)
    confirm = publish_nowait(ours.channel, HELLO, "behind it", "q", "")
    ours.broker.send(1, spec.Basic.Ack(2))
    await confirm
    assert not ours.channel.confirmations
    assert not caplog.records


async def test_outstanding_confirms_are_in_the_channels_confirmations(ours: Ours) -> None:
    confirms = [publish_nowait(ours.channel, HELLO, name, "q", "") for name in "abc"]
    fail_pending(ours.channel, None)
    assert [type(confirm.exception()) for confirm in confirms] == 3 * [ConnectionLost]


async def test_the_write_queue_has_no_bound() -> None:
    connection = aiormq.Connection("amqp://localhost")
    assert connection.write_queue.maxsize == 0


async def test_frames_that_are_queued_at_once_leave_in_one_write(
    ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    writelines = asyncio.StreamWriter.writelines

    def count(writer: asyncio.StreamWriter, data: list[bytes]) -> None:
        writes.append(len(data))
        writelines(writer, data)

    monkeypatch.setattr(asyncio.StreamWriter, "writelines", count)
    for number in range(25):
        publish_nowait(ours.channel, HELLO, str(number), "q", "")
    for _ in range(25):
        await ours.broker.publishes.get()
    assert writes == [25]
