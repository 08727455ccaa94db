"""Messages that a peer with a login can publish and that are none of the contract, generated."""

import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from common.contract.messages import MessageType
from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.broker.raw import long_string, publish_bytes, raw_channel, table

REQUEST: Final = {
    "content_type": b"application/json",
    "delivery_mode": b"\x02",
    "reply_to": b"predictions.replies",
    "expiration": b"60000",
    "type": b"prediction.request",
}
"""A request as the contract has it, but for its id, its message id and its time."""


class Poison(NamedTuple):
    """The bytes of properties, and a body; ``frame_bytes`` is the size of the body's frames."""

    properties: dict[str, bytes]
    body: bytes = b'{"input": {"nonce": "a stranger\'s"}}'
    frame_bytes: int = 100_000


def request(body: bytes | None = None, **changes: bytes | None) -> Poison:
    """Return a request with these changes; None leaves a property out."""
    now = struct.pack(">Q", int(time.time()))
    properties = {**REQUEST, "timestamp": now, "correlation_id": b"a stranger's", **changes}
    present = {name: value for name, value in properties.items() if value is not None}
    return Poison(present) if body is None else Poison(present, body)


def fixed_bytes(size: int) -> st.SearchStrategy[bytes]:
    """Return any bytes of this length."""
    return st.binary(min_size=size, max_size=size)


def prefixed(kind: bytes, values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Return values of a field, with their type before them."""
    return values.map(lambda value: kind + value)


def nested(kind: bytes, levels: int) -> bytes:
    """Encode tables or lists within each other, as the value of a field."""
    value = b"V"
    for _ in range(levels):
        inner = table((b"k", value)) if kind == b"F" else struct.pack(">I", len(value)) + value
        value = kind + inner
    return value


SHORT_STRINGS: Final = st.binary(max_size=255) | st.text(max_size=60).map(str.encode)
SIZES: Final = {b"t": 1, b"b": 1, b"s": 2, b"I": 4, b"l": 8, b"f": 4, b"d": 8, b"T": 8}
"""The types of fields that are numbers, and their sizes."""
VALUES: Final = st.one_of(
    *(prefixed(kind, fixed_bytes(size)) for kind, size in SIZES.items()),
    st.binary(max_size=100).map(long_string),
    prefixed(b"x", st.binary(max_size=100).map(lambda text: long_string(text)[1:])),
    st.builds(nested, st.sampled_from([b"F", b"A"]), st.sampled_from([1, 30, 40, 1000, 8000])),
    st.just(b"V"),
    fixed_bytes(3).filter(lambda value: value[:1] != b"D"),  # of a type that there may be or not
)
"""Values of all types but decimals: RabbitMQ (3.10 to 4.0) cannot convert these for a stream, and
its dead-letter workers end for good if such a message is dead-lettered to one."""
READ_HEADERS: Final = (
    b"timing",
    b"traceparent",
    b"tracestate",
    b"x-delivery-count",
    b"x-first-death-reason",
    b"x-stream-offset",
    b"x-death",
)
"""The headers that somebody reads, our services or the broker."""

HEADERS: Final = st.dictionaries(
    st.sampled_from(READ_HEADERS) | st.binary(max_size=100), VALUES, max_size=3
).map(lambda fields: table(*fields.items()))
BODIES: Final = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [b"", b"null", b"true", b"1e400", b'"\\ud800"', b"[]", b"{}", b'{"code": 1}', b"NaN"]
    ),
    st.sampled_from([b"[", b'{"a":']).map(lambda opening: 5000 * opening),
    st.integers(1, 2**20).map(lambda size: size * b" "),
)
KNOWN_TYPES: Final = frozenset(each.encode() for each in MessageType)

STRANGE: Final = st.builds(
    Poison,
    st.fixed_dictionaries(
        {},
        optional={
            "content_type": SHORT_STRINGS,
            "content_encoding": SHORT_STRINGS,
            "headers": HEADERS,
            "priority": fixed_bytes(1),
            "correlation_id": SHORT_STRINGS,
            "reply_to": SHORT_STRINGS,
            "expiration": st.sampled_from([b"60000", b"-1", b"x", b"99999999999999"]),
            "message_id": SHORT_STRINGS,
            "timestamp": fixed_bytes(8),
            "type": SHORT_STRINGS.filter(lambda name: name not in KNOWN_TYPES),
            "app_id": SHORT_STRINGS,
            "cluster_id": SHORT_STRINGS,
        },
    ),
    BODIES,
    st.sampled_from([1000, 100_000]),
)
"""Messages of unknown types, so of no use to any consumer, with whatever else."""


def generated(count: int) -> list[Poison]:
    """Return ``count`` of ``STRANGE``, the same ones each time."""
    found: list[Poison] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(STRANGE)
    def collect(poison: Poison) -> None:
        found.append(poison)

    collect()
    return found


class Publishing:
    """A stranger's connection, which is made again whenever the broker ends it."""

    def __init__(self, broker: PrivateBroker, vhost: str) -> None:
        self._open: Callable[[], Any] = lambda: raw_channel(broker, vhost, confirms=False)
        self._context: Any = None
        self._channel: AbstractChannel | None = None

    async def publish(self, poison: Poison, routing_key: str, exchange: str = "") -> bool:
        """Publish; return False if the broker does not take such a message."""
        if self._channel is None:
            self._context = self._open()
            self._channel = await self._context.__aenter__()
        try:
            await publish_bytes(
                self._channel,
                routing_key,
                poison.properties,
                poison.body,
                exchange=exchange,
                frame_bytes=poison.frame_bytes,
            )
        except AMQPError:
            await self.close()
            return False
        return True

    async def close(self) -> None:
        """Close the connection, if there is one."""
        self._channel, context = None, self._context
        if context is not None:
            self._context = None
            await context.__aexit__(None, None, None)


@asynccontextmanager
async def publishing(broker: PrivateBroker, vhost: str) -> AsyncIterator[Publishing]:
    """Open the connection of a stranger for the context."""
    stranger = Publishing(broker, vhost)
    try:
        yield stranger
    finally:
        await stranger.close()
