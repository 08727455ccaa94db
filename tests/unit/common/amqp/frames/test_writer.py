"""The frames that are written here, against pamqp."""

import pytest
from aiormq import spec
from hypothesis import given
from hypothesis import strategies as st
from pamqp.body import ContentBody
from pamqp.frame import FrameTypes, marshal
from pamqp.header import ContentHeader

from common.amqp.frames.writer import encode_ack, encode_publish, encode_reject, encode_requeue
from common.contract.messages import Message
from tests.support.harness.properties import properties
from tests.unit.common.amqp.frames.messages import FIELDS, SHORT

MESSAGES = st.builds(
    Message,
    type=SHORT,
    body=st.binary(max_size=40),
    correlation_id=SHORT,
    reply_to=st.none() | SHORT,
    expiration_ms=st.none() | st.integers(0, 10**12),
    timestamp_s=st.none() | st.integers(0, 2**32),
    headers=st.dictionaries(st.text(max_size=30), FIELDS, max_size=5),
)


@given(MESSAGES, st.integers(1, 2047), SHORT, st.sampled_from(["", "predictions.presence"]))
def test_a_publish_has_the_bytes_that_pamqp_writes(
    message: Message, channel: int, routing_key: str, exchange: str
) -> None:
    limit = 14
    expected: list[FrameTypes] = [
        spec.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=not exchange),
        ContentHeader(properties=properties(message, "an id"), body_size=len(message.body)),
        *(
            ContentBody(message.body[start : start + limit])
            for start in range(0, len(message.body), limit)
        ),
    ]
    frames = encode_publish(channel, exchange, routing_key, message, "an id", limit)
    assert b"".join(frames) == b"".join(marshal(each, channel) for each in expected)


@pytest.mark.parametrize(
    ("body", "max_body_bytes", "parts"),
    [
        (b"", 4, []),
        (b"abc", 4, [b"abc"]),
        (b"abcd", 4, [b"abcd"]),
        (b"abcdefghi", 4, [b"abcd", b"efgh", b"i"]),
        (b"abcdefghi", -8, [b"abcdefghi"]),  # a broker without a limit
        (b"", -8, []),
    ],
)
def test_a_body_is_sent_in_parts_no_larger_than_the_broker_takes(
    body: bytes, max_body_bytes: int, parts: list[bytes]
) -> None:
    message = Message(type="test", body=body, correlation_id="1")
    sent = b"".join(encode_publish(1, "", "q", message, "an id", max_body_bytes))
    expected = [marshal(ContentBody(part), 1) for part in parts]
    assert sent.endswith(b"".join(expected))
    assert sent.count(b"\x03\x00\x01") == len(parts)


@pytest.mark.parametrize(
    "message",
    [
        Message(type="test", body=b"", correlation_id=256 * "x"),
        Message(type="test", body=b"", correlation_id="1", reply_to=256 * "x"),
        Message(type="test", body=b"", correlation_id="1", reply_to=128 * "é"),
    ],
)
def test_a_string_of_more_than_255_bytes_is_refused(message: Message) -> None:
    with pytest.raises(ValueError, match="256"):
        encode_publish(1, "", "q", message, "an id", 100)


@given(st.integers(1, 2047), st.integers(1, 2**63 - 1))
def test_a_settlement_has_the_bytes_that_pamqp_writes(channel: int, tag: int) -> None:
    for ours, theirs in (
        (encode_ack(channel, tag), spec.Basic.Ack(tag)),
        (encode_ack(channel, tag, multiple=True), spec.Basic.Ack(tag, True)),
        (encode_requeue(channel, tag), spec.Basic.Nack(tag, requeue=True)),
        (encode_reject(channel, tag), spec.Basic.Reject(tag, requeue=False)),
    ):
        assert ours == marshal(theirs, channel)
