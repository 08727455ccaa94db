"""The uses of the inside of aiormq and aio-pika; all other modules keep to the public API.

The tests in ``tests/contract`` state each assumption that is made here, and ``pyproject.toml``
bounds the versions for which they hold.
"""

import asyncio
from typing import Any

import aio_pika
from aio_pika.abc import AbstractConnection
from aiormq import Channel as UnderlayChannel
from aiormq import Connection as UnderlayConnection
from aiormq.abc import AbstractConnection as AbstractUnderlayConnection
from aiormq.abc import ChannelFrame, TimeoutType
from aiormq.connection import TransportFactory
from aiormq.exceptions import AMQPConnectionError

from common.amqp.coalescing_writer import CoalescingWriter
from common.amqp.codec import encode_publish
from common.amqp.error_mapping import map_error
from common.contract.messages import Message
from common.errors import ConnectionLost

UnderlayConnection.FRAME_BUFFER_SIZE = 0
"""No bound: a publisher that waits for room among aiormq's ten frames is not woken when the
connection ends. Admission and prefetch bound the number of frames instead."""


class CoalescingConnection(aio_pika.Connection):
    """An aio-pika connection whose frames leave through a ``CoalescingWriter``."""

    async def connect(self, timeout: TimeoutType = None) -> None:  # noqa: ASYNC109 - of aio-pika
        """Connect as aio-pika does, with the same errors."""
        self.kwargs["transport_factory"] = transport = _CoalescingTransport()
        await super().connect(timeout)
        assert self.transport is not None
        transport.write_queue = self.transport.connection.write_queue


class _CoalescingTransport(TransportFactory):
    """The socket of one connection; ``write_queue`` holds the frames that wait to be written.

    aiormq writes them one after the other without a pause, so a frame that is held back for the
    next one leaves in the same turn of the loop.
    """

    write_queue: "asyncio.Queue[Any] | None" = None

    async def create(self, url: Any, **_: Any) -> tuple[asyncio.StreamReader, CoalescingWriter]:
        """Open a TCP connection without TLS, as aiormq's own factory does."""
        assert url.scheme == "amqp"
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        try:
            transport, protocol = await loop.create_connection(
                lambda: asyncio.StreamReaderProtocol(reader), url.host, url.port
            )
        except OSError as exc:
            raise AMQPConnectionError(*exc.args) from exc
        return reader, CoalescingWriter(transport, protocol, reader, loop, has_more=self._has_more)

    def _has_more(self) -> bool:
        return self.write_queue is not None and not self.write_queue.empty()


class PublisherConfirm(asyncio.Future[object]):
    """The publisher confirm of one message, as a future; its errors are ``Channel.publish``'s.

    Do not cancel it: the confirm still arrives, and aiormq logs a returned message without a
    future, body included.
    """

    def set_exception(self, exception: BaseException | type[BaseException], /) -> None:
        """Map the library's exception to ours. Later calls are ignored."""
        if not self.done():
            raised = exception() if isinstance(exception, type) else exception
            ours = map_error(raised)
            if ours is not None:
                ours.__cause__ = raised
            super().set_exception(ours or raised)


def publish_nowait(
    channel: UnderlayChannel, message: Message, message_id: str, routing_key: str, exchange: str
) -> PublisherConfirm:
    """Queue the frames of a publish and register its confirm, as ``basic_publish`` does.

    ``basic_publish`` waits for the confirm, and meanwhile holds a timer, a lock and two entries of
    the connection: 5 % of the cost of a sync call to a gateway.
    """
    parts = encode_publish(message, message_id, routing_key, exchange, channel.max_content_size)
    payload = ChannelFrame.marshall(channel.number, parts)
    channel.delivery_tag += 1
    confirm = PublisherConfirm(loop=channel.loop)
    channel.confirmations[channel.delivery_tag] = confirm
    channel.message_id_delivery_tag[message_id] = channel.delivery_tag

    def forget(confirm: asyncio.Future[object]) -> None:
        channel.message_id_delivery_tag.pop(message_id, None)
        confirm.exception()  # read here, so that asyncio never logs it as unread

    confirm.add_done_callback(forget)
    channel.write_queue.put_nowait(payload)
    return confirm


def fail_pending(channel: UnderlayChannel, reason: BaseException | None) -> None:
    """Fail all outstanding confirms of a channel, which has ended because of ``reason``."""
    for confirm in tuple(channel.confirmations.values()):
        if isinstance(confirm, PublisherConfirm):
            confirm.set_exception(reason or ConnectionLost("The channel was closed."))


def underlay(connection: AbstractConnection) -> AbstractUnderlayConnection:
    """Return the aiormq connection below an aio-pika one.

    Raises:
        ConnectionLost: the connection has ended.
    """
    if connection.transport is None:
        raise ConnectionLost("The connection to the broker was lost.")
    return connection.transport.connection


def is_blocked(connection: AbstractConnection) -> bool:
    """Return True between the broker's ``connection.blocked`` and ``connection.unblocked``.

    aiormq shows this state only in its ``ready``, which then does not return at its first step.
    """
    if connection.transport is None:
        return False
    ready = underlay(connection).ready()
    try:
        ready.send(None)
    except StopIteration:
        return False
    ready.close()
    return True
