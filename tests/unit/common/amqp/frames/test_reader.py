"""The frames that are read here, against pamqp; however the bytes come, and whatever they are."""

import itertools
import struct
from typing import Final

import pytest
from aiormq import spec
from hypothesis import given
from hypothesis import strategies as st
from pamqp.frame import marshal
from pamqp.heartbeat import Heartbeat

from common.amqp.frames.events import (
    Confirmed,
    Delivered,
    Event,
    PassedOn,
    Returned,
    Unreadable,
)
from common.amqp.frames.reader import FrameReader
from tests.support.harness.properties import decoded_by_pamqp
from tests.unit.common.amqp.frames.messages import (
    PROPERTIES,
    content_header,
    deliver,
    in_frames,
    raw_frame,
)

CHANNELS: Final = (1, 2, 3)
HEADER: Final = content_header(spec.Basic.Properties(correlation_id="42"), b"hello")
GOOD: Final = b"".join(in_frames(1, deliver(9), HEADER, b"hello", 100))


def reader() -> FrameReader:
    """Return a reader that takes the deliveries of consumer ``c`` on some channels."""
    frames = FrameReader()
    for channel in CHANNELS:
        frames.consumer_tags[channel] = {b"c"}
    return frames


def read(frames: FrameReader, *pieces: bytes) -> list[Event]:
    """Return all events of these bytes, with adjacent bytes that are passed on in one."""
    events: list[Event] = []
    for event in itertools.chain.from_iterable(map(frames.feed, pieces)):
        if isinstance(event, PassedOn) and events and isinstance(events[-1], PassedOn):
            events[-1] = PassedOn(events[-1].frames + event.frames)
        else:
            events.append(event)
    return events


@given(PROPERTIES, st.binary(max_size=40), st.integers(1, 14))
def test_a_message_that_pamqp_writes_is_read_as_pamqp_reads_it(
    properties: spec.Basic.Properties, body: bytes, limit: int
) -> None:
    header = content_header(properties, body)
    (event,) = read(reader(), *in_frames(1, deliver(), header, body, limit))
    expected = decoded_by_pamqp(header, body)
    assert event == Delivered(1, b"c", 1, expected, properties.message_id or "")


@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_a_body_may_end_anywhere_near_the_end_of_a_frame(frames: int, extra: int) -> None:
    limit = 131_064
    body = (bytes(range(256)) * 4_000)[: frames * limit + extra]
    header = content_header(spec.Basic.Properties(), body)
    data = b"".join(in_frames(1, deliver(), header, body, limit))
    pieces = [data[start : start + 1_400] for start in range(0, len(data), 1_400)]
    (event,) = read(reader(), *pieces)
    assert isinstance(event, Delivered)
    assert event.message.body == body


def others(channel: int) -> list[bytes]:
    """Return frames that are passed on."""
    unknown = in_frames(channel, deliver(consumer_tag="other"), HEADER, b"hello", 3)
    return [marshal(Heartbeat(), 0), marshal(spec.Basic.ConsumeOk("c"), channel), *unknown]


def of_each_kind(channel: int) -> list[bytes]:
    """Return frames of each kind on a channel."""
    return [
        *in_frames(channel, deliver(5), HEADER, b"hello", 2),
        marshal(spec.Basic.Ack(3, multiple=True), channel),
        *others(channel),
        *in_frames(channel, spec.Basic.Return(312, "NO_ROUTE", "", "q"), HEADER, b"hello", 2),
        marshal(spec.Basic.Nack(4), channel),
        *in_frames(channel, deliver(6), content_header(spec.Basic.Properties(), b""), b"", 1),
    ]


def test_each_kind_of_frame_is_the_event_of_its_name() -> None:
    message = decoded_by_pamqp(HEADER, b"hello")
    empty = decoded_by_pamqp(content_header(spec.Basic.Properties(), b""), b"")
    assert read(reader(), b"".join(of_each_kind(2))) == [
        Delivered(2, b"c", 5, message, ""),
        Confirmed(2, 3, True, True),
        PassedOn(b"".join(others(2))),
        Returned(2, ""),
        Confirmed(2, 4, False, False),
        Delivered(2, b"c", 6, empty, ""),
    ]


def test_frames_of_channels_that_are_not_ours_are_passed_on() -> None:
    data = b"".join(of_each_kind(7))
    assert read(reader(), data) == [PassedOn(data)]


EACH_KIND: Final = b"".join(of_each_kind(1))


@given(st.lists(st.integers(0, len(EACH_KIND)), max_size=40))
def test_a_frame_may_be_cut_anywhere(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(EACH_KIND)]
    pieces = [EACH_KIND[start:end] for start, end in itertools.pairwise(bounds)]
    assert read(reader(), *pieces) == read(reader(), EACH_KIND)


def test_bytes_may_come_one_by_one() -> None:
    pieces = [bytes((each,)) for each in EACH_KIND]
    assert read(reader(), *pieces) == read(reader(), EACH_KIND)


@given(st.permutations([channel for channel in CHANNELS for _ in of_each_kind(channel)]))
def test_messages_of_several_channels_may_interleave(order: list[int]) -> None:
    waiting = {channel: iter(of_each_kind(channel)) for channel in CHANNELS}
    events = read(reader(), b"".join(next(waiting[channel]) for channel in order))
    passed_on = b"".join(event.frames for event in events if isinstance(event, PassedOn))
    assert len(passed_on) == sum(len(b"".join(others(channel))) for channel in CHANNELS)
    for channel in CHANNELS:
        of_channel = [e for e in events if not isinstance(e, PassedOn) and e.channel == channel]
        alone = read(reader(), b"".join(of_each_kind(channel)))
        assert of_channel == [event for event in alone if not isinstance(event, PassedOn)]


BAD: Final = b"\xff"


def header_of(flags: int, properties: bytes, size: int = 5) -> bytes:
    """Return the payload of a header frame with any properties."""
    return struct.pack(">HHQH", 60, 0, size, flags) + properties


def table(fields: bytes) -> bytes:
    """Return a field table."""
    return struct.pack(">I", len(fields)) + fields


def nested(depth: int) -> bytes:
    """Return a table in a table in a table."""
    fields = b""
    for _ in range(depth):
        fields = b"\x01aF" + table(fields)
    return table(fields)


UNREADABLE: Final = {
    "a correlation id that is no UTF-8": header_of(0x0400, b"\x01" + BAD),
    "a reply_to that is no UTF-8": header_of(0x0200, b"\x01" + BAD),
    "an expiration that is no UTF-8": header_of(0x0100, b"\x01" + BAD),
    "a message id that is no UTF-8": header_of(0x0080, b"\x01" + BAD),
    "a type that is no UTF-8": header_of(0x0020, b"\x01" + BAD),
    "a header's name that is no UTF-8": header_of(0x2000, table(b"\x01" + BAD + b"t\x01")),
    "a header's timestamp that is out of range": header_of(0x2000, table(b"\x01aT" + 8 * BAD)),
    "a header of an unknown type": header_of(0x2000, table(b"\x01a?")),
    "a header without a type": header_of(0x2000, table(b"\x01a")),
    "a header that is cut": header_of(0x2000, table(b"\x01al\x00")),
    "a table that is nested too deep": header_of(0x2000, nested(10_000)),
    "a list that is nested too deep": header_of(0x2000, table(b"\x01a" + 20_000 * b"A\x00")),
    "headers that are longer than their frame": header_of(0x2000, b"\x00\x00\xff\xff"),
    "a string that is longer than its frame": header_of(0x0400, b"\x05abc"),
    "a string header that is longer than its frame": header_of(0x2000, table(b"\x01aS\0\0\0\x09b")),
    "a list that is longer than its table": header_of(
        0x2000, table(b"\x01aA\x00\x00\x00\x01tt") + b"abcd"
    ),
    "properties that are missing": header_of(0xFFFC, b""),
    "properties that are too many": header_of(0, b"more"),
    "property flags that go on": header_of(0x0001, b"\x00\x00"),
}


@pytest.mark.parametrize("header", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("limit", [2, 100])
def test_an_unreadable_message_is_an_event_and_the_next_one_is_read(
    header: bytes, limit: int
) -> None:
    bad, good = read(reader(), b"".join(in_frames(1, deliver(7), header, b"hello", limit)), GOOD)
    assert isinstance(bad, Unreadable)
    assert (bad.channel, bad.consumer_tag, bad.delivery_tag) == (1, b"c", 7)
    assert bad.reason
    assert isinstance(good, Delivered)


BESIDE: Final = {
    "a name that is no UTF-8": b"\x01" + BAD + b"V",
    "a timestamp": b"\x01aT" + 8 * BAD,
    "a table that is nested too deep": b"\x01aF" + nested(10_000),
    "a list that is nested too deep": b"\x01aA\x00\x00\x0f\xff" + 0xFFF * b"A",
    "a string that looks like it": b"\x01aS\x00\x00\x00\x19\x0fx-stream-offsetl" + 8 * b"\x01",
    "values without a length": b"\x01at\x01\x01as\x01\x01\x01ad"
    + 8 * b"\x01"
    + b"\x01aD"
    + 5 * b"\x01"
    + b"\x01aT"
    + 8 * BAD,
}
"""Fields that are before the offset of a stream, in tables that cannot be read."""


@pytest.mark.parametrize("fields", BESIDE.values(), ids=BESIDE)
def test_an_unreadable_message_of_a_stream_has_its_offset(fields: bytes) -> None:
    offset = b"\x0fx-stream-offsetl" + (2**40).to_bytes(8)
    header = header_of(0x2000, table(fields + offset + b"\x01" + BAD + b"V"))
    (event,) = read(reader(), b"".join(in_frames(1, deliver(7), header, b"hello", 100)))
    assert isinstance(event, Unreadable)
    assert event.offset == 2**40


@pytest.mark.parametrize("header", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_message_without_an_offset_has_none(header: bytes) -> None:
    (event,) = read(reader(), b"".join(in_frames(1, deliver(7), header, b"hello", 100)))
    assert isinstance(event, Unreadable)
    assert event.offset is None


def test_a_returned_message_that_cannot_be_read_has_no_consumer() -> None:
    method = spec.Basic.Return(312, "NO_ROUTE", "", "q")
    header = UNREADABLE["a message id that is no UTF-8"]
    (event,) = read(reader(), *in_frames(1, method, header, b"hello", 100))
    assert isinstance(event, Unreadable)
    assert event.consumer_tag is None


@pytest.mark.parametrize(
    "frames",
    [
        [raw_frame(2, 1, b"short"), raw_frame(3, 1, b"hello")],
        [raw_frame(2, 1, HEADER), raw_frame(2, 1, HEADER), raw_frame(3, 1, b"hello")],
        [raw_frame(3, 1, b"hello"), raw_frame(2, 1, HEADER)],
        [raw_frame(2, 1, HEADER), raw_frame(3, 1, b"hello, world"), raw_frame(3, 1, b"more")],
    ],
    ids=["a short header", "two headers", "a body before its header", "too long a body"],
)
def test_a_message_whose_frames_do_not_fit_is_skipped_to_its_end(frames: list[bytes]) -> None:
    bad, good = read(reader(), marshal(deliver(7), 1), *frames, GOOD)
    assert isinstance(bad, Unreadable)
    assert bad.delivery_tag == 7
    assert isinstance(good, Delivered)


def test_properties_that_nobody_reads_may_hold_anything() -> None:
    string = b"\x01" + BAD
    header = header_of(0xC01C, 5 * string)
    (event,) = read(reader(), *in_frames(1, deliver(), header, b"hello", 100))
    assert isinstance(event, Delivered)


@pytest.mark.parametrize(
    ("number", "timestamp_s"),
    [
        (0, 0),
        (2**32 - 1, 2**32 - 1),
        (1_700_000_000_000, 1_700_000_000),
        (2**64 - 1, 2**64 // 1000),
    ],
)
def test_a_timestamp_is_any_number_and_one_after_2106_is_in_milliseconds(
    number: int, timestamp_s: float
) -> None:
    header = header_of(0x0040, struct.pack(">Q", number))
    (event,) = read(reader(), *in_frames(1, deliver(), header, b"hello", 100))
    assert isinstance(event, Delivered)
    assert event.message.timestamp_s == pytest.approx(timestamp_s, rel=1e-12)


def test_a_string_header_that_is_no_utf_8_is_bytes() -> None:
    header = header_of(0x2000, table(b"\x01aS\x00\x00\x00\x01" + BAD))
    (event,) = read(reader(), *in_frames(1, deliver(), header, b"hello", 100))
    assert isinstance(event, Delivered)
    assert event.message.headers == {"a": BAD}


@given(st.integers(0, 0xFFFF), st.binary(max_size=60))
def test_whatever_a_header_frame_holds_the_next_message_is_read(flags: int, data: bytes) -> None:
    frames = in_frames(1, deliver(7), header_of(flags, data), b"hello", 100)
    event, good = read(reader(), *frames, GOOD)
    assert isinstance(event, Delivered | Unreadable)
    assert event.delivery_tag == 7
    assert isinstance(good, Delivered)


@given(PROPERTIES, st.data())
def test_a_header_frame_with_a_wrong_byte_costs_no_other_message(
    properties: spec.Basic.Properties, data: st.DataObject
) -> None:
    header = bytearray(content_header(properties, b"hello"))
    position = data.draw(st.integers(12, len(header) - 1))
    header[position] = data.draw(st.integers(0, 255))
    event, good = read(reader(), *in_frames(1, deliver(7), bytes(header), b"hello", 100), GOOD)
    assert isinstance(event, Delivered | Unreadable)
    assert isinstance(good, Delivered)


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_no_bytes_raise(pieces: list[bytes]) -> None:
    read(reader(), *pieces)


@given(st.lists(st.tuples(st.sampled_from([1, 2, 3, 8]), st.binary(max_size=30)), max_size=10))
def test_no_payload_raises(frames: list[tuple[int, bytes]]) -> None:
    read(reader(), *(raw_frame(kind, 1, payload) for kind, payload in frames))


METHODS: Final = [b"\x00\x3c\x00" + each for each in (b"\x3c", b"\x32", b"\x50", b"\x78")]


@given(st.sampled_from(METHODS), st.binary(max_size=30))
def test_no_arguments_of_a_method_raise(method: bytes, arguments: bytes) -> None:
    read(reader(), raw_frame(1, 1, method + arguments), GOOD)


@pytest.mark.parametrize("foreign", [b"AMQP\x00\x00\x09\x01", b"HTTP/1.1 400 Bad Request\r\n"])
def test_after_bytes_that_are_no_amqp_everything_is_passed_on(foreign: bytes) -> None:
    good, rest = read(reader(), GOOD, foreign, GOOD)
    assert isinstance(good, Delivered)
    assert rest == PassedOn(foreign + GOOD)


def test_after_a_frame_without_its_end_everything_is_passed_on() -> None:
    broken = GOOD[:-1] + b"\x00"
    *taken, rest = read(reader(), broken, GOOD)
    assert not taken
    assert isinstance(rest, PassedOn)
    assert rest.frames.endswith(GOOD)


def test_a_method_amid_a_message_gives_the_message_up() -> None:
    method, header, _ = in_frames(1, deliver(), HEADER, b"hello", 100)
    ack = marshal(spec.Basic.Ack(1), 1)
    confirmed, good = read(reader(), method, header, ack, GOOD)
    assert isinstance(confirmed, Confirmed)
    assert isinstance(good, Delivered)


def test_a_channel_that_is_closed_amid_a_message_leaves_nothing_behind() -> None:
    frames = reader()
    method, header, body = in_frames(1, deliver(), HEADER, b"hello", 100)
    assert not read(frames, method, header)
    frames.close_channel(1)
    assert read(frames, body) == [PassedOn(body)]
    frames.consumer_tags[1] = {b"c"}  # a new channel with the number of the old one
    assert read(frames, body) == [PassedOn(body)]
    (event,) = read(frames, GOOD)
    assert isinstance(event, Delivered)
