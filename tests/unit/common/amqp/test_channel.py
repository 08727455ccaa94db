"""Deliveries of a channel and their settlement, without a socket."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final, cast

import pytest
from aiormq import Channel as UnderlayChannel
from aiormq import spec
from pamqp.frame import unmarshal
from structlog.testing import capture_logs

from common.amqp.channel import Channel, Delivery
from common.amqp.transport import FrameProtocol, FrameWriter
from common.errors import ConnectionLost
from tests.unit.common.amqp.frames.messages import content_header, deliver, in_frames

READABLE: Final = spec.Basic.Properties(correlation_id="1")
STREAM: Final = {"x-stream-offset": "first"}


class RawChannel:
    """A channel of aiormq that answers at once."""

    number = 1
    is_closed = False

    async def basic_qos(self, **_: Any) -> None: ...

    async def basic_consume(self, *_: Any, **__: Any) -> None: ...

    async def basic_cancel(self, _: str) -> None: ...


class SentFrames:
    """A writer that keeps what is written."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, bool]] = []

    def writelines(self, frames: Iterable[bytes]) -> None:
        for each in frames:
            _, _, method = unmarshal(each)
            assert isinstance(method, spec.Basic.Ack | spec.Basic.Nack | spec.Basic.Reject)
            multiple = bool(getattr(method, "multiple", False))
            self.sent.append((method.name.lower()[6:], method.delivery_tag or 0, multiple))


class World:
    """Our channel, what it is sent by the broker and what it sends."""

    def __init__(self) -> None:
        self.raw, self.writer = RawChannel(), SentFrames()
        self.protocol = FrameProtocol(asyncio.StreamReader())
        self.protocol.writer = cast(FrameWriter, self.writer)
        self.unreadable = 0
        self.channel = Channel(cast(UnderlayChannel, self.raw), self.protocol, self.count)

    def count(self) -> None:
        self.unreadable += 1

    @property
    def sent(self) -> list[tuple[str, int, bool]]:
        return self.writer.sent

    def deliver(self, tag: int, consumer_tag: str = "1", header: bytes = b"") -> None:
        header = header or content_header(READABLE, b"hello")
        frames = in_frames(1, deliver(tag, consumer_tag), header, b"hello", 100)
        self.protocol.data_received(b"".join(frames))


async def with_deliveries(count: int) -> World:
    """Return a channel with ``count`` deliveries, tagged from 1."""
    world = World()
    await world.channel.consume("q", lambda _: None)
    for tag in range(1, count + 1):
        world.deliver(tag)
    return world


async def test_acknowledgements_are_one_frame_unless_a_delivery_before_them_is_unsettled() -> None:
    world = await with_deliveries(6)
    await world.channel.acknowledge([2, 3])
    await world.channel.acknowledge([1, 4])
    await world.channel.acknowledge([6])
    assert world.sent == [
        ("ack", 2, False),
        ("ack", 3, False),
        ("ack", 4, True),
        ("ack", 6, False),
    ]


async def test_an_acknowledgement_includes_no_delivery_whose_requeueing_is_not_sent() -> None:
    world = await with_deliveries(3)
    requeueing = world.channel.requeue(1)
    await world.channel.acknowledge([2, 3])
    await requeueing
    assert world.sent == [("ack", 2, False), ("ack", 3, False), ("nack", 1, False)]


async def test_an_acknowledgement_after_a_requeueing_includes_it_in_no_frame_before() -> None:
    world = await with_deliveries(3)
    await world.channel.requeue(1)
    await world.channel.acknowledge([2, 3])
    assert world.sent == [("nack", 1, False), ("ack", 3, True)]


async def test_an_acknowledgement_up_to_a_tag_names_one_that_is_unsettled() -> None:
    world = await with_deliveries(4)
    await world.channel.acknowledge([3])
    await world.channel.acknowledge_up_to(3)
    await world.channel.acknowledge_up_to(3)
    await world.channel.acknowledge_up_to(4)
    assert world.sent == [("ack", 3, False), ("ack", 2, True), ("ack", 4, False)]


async def test_a_delivery_is_settled_once() -> None:
    world = await with_deliveries(1)
    await world.channel.reject(1)
    await world.channel.acknowledge([1])
    await world.channel.requeue(1)
    assert world.sent == [("reject", 1, False)]


async def test_a_channel_that_has_ended_settles_nothing() -> None:
    world = await with_deliveries(1)
    world.raw.is_closed = True
    with pytest.raises(ConnectionLost):
        await world.channel.acknowledge([1])


async def test_an_unreadable_delivery_of_a_replay_is_not_counted_again() -> None:
    world = World()
    await world.channel.consume("q", print, arguments=STREAM)
    world.channel.is_replay = True
    unreadable = b"\x00\x3c" + bytes(9) + b"\x05\x04\x00\x01\xff"
    world.deliver(7, header=unreadable)
    assert (world.unreadable, world.sent) == (0, [("ack", 7, False)])
    world.channel.is_replay = False
    world.deliver(8, header=unreadable)
    assert world.unreadable == 1


@pytest.mark.parametrize(
    ("options", "settled"),
    [
        ({}, [("reject", 7, False)]),
        ({"arguments": STREAM}, [("ack", 7, False)]),
        ({"no_ack": True}, []),
    ],
    ids=["a queue", "a stream", "without acknowledgements"],
)
async def test_an_unreadable_delivery_is_logged_counted_and_settled(
    options: dict[str, Any], settled: list[tuple[str, int, bool]]
) -> None:
    world, arrived = World(), list[Delivery]()
    await world.channel.consume("q", arrived.append, **options)
    with capture_logs() as logs:
        world.deliver(7, header=b"\x00\x3c" + bytes(9) + b"\x05\x04\x00\x01\xff")
        world.deliver(8)
    assert [delivery.tag for delivery in arrived] == [8]
    assert world.sent == settled
    assert world.unreadable == 1
    (line,) = logs
    assert (line["event"], line["queue"], line["delivery_tag"]) == ("message not readable", "q", 7)
    assert "0xff" in line["reason"]


@pytest.mark.parametrize(
    ("options", "settled"),
    [
        ({}, [("reject", 7, False)]),
        ({"arguments": STREAM}, [("ack", 7, False)]),
        ({"no_ack": True}, []),
    ],
    ids=["a queue", "a stream", "without acknowledgements"],
)
async def test_an_exception_of_a_consumer_ends_nothing_but_its_message(
    options: dict[str, Any], settled: list[tuple[str, int, bool]]
) -> None:
    world, arrived = World(), list[int]()

    def on_delivery(delivery: Delivery) -> None:
        arrived.append(delivery.tag)
        if delivery.tag == 7:
            raise ZeroDivisionError

    await world.channel.consume("q", on_delivery, **options)
    with capture_logs() as logs:
        world.deliver(7)
        world.deliver(8)
    assert arrived == [7, 8]
    assert world.sent == settled
    assert [(line["event"], line["exc_info"]) for line in logs] == [("delivery failed", True)]
    assert world.unreadable == 1


async def test_an_unreadable_message_of_a_stream_is_logged_with_its_offset() -> None:
    world = World()
    await world.channel.consume("s", lambda _: None, arguments=STREAM)
    headers = b"\x01\xffV\x0fx-stream-offsetl" + bytes(7) + b"\x05"
    size = len(headers).to_bytes(4)
    with capture_logs() as logs:
        world.deliver(7, header=b"\x00\x3c" + bytes(10) + b"\x20\x00" + size + headers)
    assert [(line["event"], line["offset"]) for line in logs] == [("message not readable", 5)]


async def test_deliveries_of_a_cancelled_consumer_are_not_taken() -> None:
    world, arrived = World(), list[Delivery]()
    tag = await world.channel.consume("q", arrived.append)
    other = await world.channel.consume("q", arrived.append)
    await world.channel.cancel(tag)
    world.deliver(1, tag)
    world.deliver(2, other)
    assert [delivery.tag for delivery in arrived] == [2]
