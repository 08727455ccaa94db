"""The frames of a publish."""

import pytest
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from common.amqp.codec import encode_publish
from common.contract.messages import Message


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
    _, header, *bodies = encode_publish(message, "an id", "q", "", max_body_bytes)
    assert isinstance(header, ContentHeader)
    assert header.body_size == len(body)
    assert [part.value for part in bodies if isinstance(part, ContentBody)] == parts
