"""The uses of the inside of aiormq and aio-pika; all other modules keep to the public API.

The tests in ``tests/contract`` state each assumption that is made here, and ``pyproject.toml``
bounds the versions for which they hold.
"""

import aio_pika
from aio_pika.abc import AbstractConnection
from aiormq.abc import AbstractConnection as AbstractUnderlayConnection
from aiormq.abc import TimeoutType

from common.amqp.transport import FrameProtocol, FrameTransport
from common.errors import ConnectionLost


class FrameConnection(aio_pika.Connection):
    """An aio-pika connection over a ``FrameTransport``."""

    frames: FrameProtocol

    async def connect(self, timeout: TimeoutType = None) -> None:  # noqa: ASYNC109 - of aio-pika
        """Connect as aio-pika does, with the same errors."""
        self.kwargs["transport_factory"] = transport = FrameTransport()
        await super().connect(timeout)
        self.frames = transport.protocol


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
