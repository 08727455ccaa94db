"""Messages as pamqp writes them, in frames as a broker delivers them."""

import struct
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aiormq import spec
from hypothesis import strategies as st
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.frame import marshal
from pamqp.header import ContentHeader

SHORT = st.text(max_size=60)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2106, 1, 1), timezones=st.just(UTC))

FIELDS: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(width=32, allow_nan=False),
        st.text(max_size=30),
        st.binary(max_size=30).map(bytearray),
        st.decimals(0, 2**31 - 1, places=2).filter(lambda number: number < 2**31 // 100),
        st.just(Decimal(7)),
        MOMENTS,
    ),
    lambda fields: st.one_of(
        st.lists(fields, max_size=4), st.dictionaries(st.text(max_size=10), fields, max_size=4)
    ),
    max_leaves=12,
)

PROPERTIES = st.builds(
    spec.Basic.Properties,
    content_type=st.none() | SHORT,
    content_encoding=st.none() | SHORT,
    headers=st.none() | st.dictionaries(st.text(max_size=30), FIELDS, max_size=5),
    delivery_mode=st.sampled_from([None, 1, 2]),
    priority=st.none() | st.integers(0, 255),
    correlation_id=st.none() | SHORT,
    reply_to=st.none() | SHORT,
    expiration=st.none() | SHORT | st.integers(0, 10**9).map(str),
    message_id=st.none() | SHORT,
    timestamp=st.none() | MOMENTS,
    message_type=st.none() | SHORT,
    user_id=st.none() | SHORT,
    app_id=st.none() | SHORT,
)


def raw_frame(kind: int, channel: int, payload: bytes) -> bytes:
    """Return a frame with any payload."""
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def in_frames(channel: int, method: Frame, header: bytes, body: bytes, limit: int) -> list[bytes]:
    """Return the frames of a message, with ``limit`` bytes of its body in each."""
    return [
        marshal(method, channel),
        raw_frame(2, channel, header),
        *(
            marshal(ContentBody(body[start : start + limit]), channel)
            for start in range(0, len(body), limit)
        ),
    ]


def content_header(properties: spec.Basic.Properties, body: bytes) -> bytes:
    """Return the payload of a header frame as pamqp writes it."""
    return ContentHeader(properties=properties, body_size=len(body)).marshal()


def deliver(tag: int = 1, consumer_tag: str = "c") -> Frame:
    """Return the method of a delivery."""
    return spec.Basic.Deliver(consumer_tag, tag, False, "", "q")
