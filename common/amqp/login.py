"""Login to the broker and logout, with one sentence for each way in which they fail."""

import asyncio
from typing import Final

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, ProbableAuthenticationError
from aiormq.exceptions import InvalidFrameError

from common.amqp.aiormq_internals import FrameConnection
from common.amqp.error_mapping import mapped_errors
from common.errors import BrokerAway, Misconfigured, Unavailable
from common.settings import BrokerSettings

HEARTBEAT_S: Final = 10
"""A silent peer is detected after about 3 x (heartbeat + 1) s."""

CONNECT_TIMEOUT_S: Final = 5
CLOSE_TIMEOUT_S: Final = 3

CLOSED_INSTEAD: Final = "got <Connection.Close"
"""In aiormq's exception if the broker closes the connection when it is to open the vhost: the
frame's text is all that the exception keeps."""

log = structlog.get_logger()


async def connect(broker: BrokerSettings, name: str) -> FrameConnection:
    """Log in to the broker as the connection ``name``.

    Raises:
        BrokerAway: the broker cannot be reached.
        Misconfigured: the broker refuses the user, the password or the vhost.
    """
    where = f"RabbitMQ at {broker.host}:{broker.port}"
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            connection = await aio_pika.connect(
                host=broker.host,
                port=broker.port,
                login=broker.user,
                password=broker.password,
                virtualhost=broker.vhost,
                heartbeat=HEARTBEAT_S,
                client_properties={"connection_name": name},
                connection_class=FrameConnection,
            )
            assert isinstance(connection, FrameConnection)
            return connection
    except ProbableAuthenticationError as exc:
        raise Misconfigured(
            f"{where} refused the user '{broker.user}': check RABBITMQ_DEFAULT_USER "
            f"and RABBITMQ_DEFAULT_PASS."
        ) from exc
    except InvalidFrameError as exc:
        if CLOSED_INSTEAD not in str(exc):
            raise BrokerAway(f"{where} does not speak AMQP 0-9-1: {exc}.") from exc
        raise Misconfigured(
            f"{where} does not let user '{broker.user}' into vhost '{broker.vhost}': check "
            f"RABBITMQ_VHOST and the user's permissions."
        ) from exc
    except TimeoutError as exc:
        raise BrokerAway(f"{where} did not answer within {CONNECT_TIMEOUT_S} s.") from exc
    except CONNECTION_EXCEPTIONS as exc:
        raise BrokerAway(f"{where} cannot be reached: {exc}.") from exc


async def close(raw: AbstractConnection) -> None:
    """Close a connection, lost or not, within ``CLOSE_TIMEOUT_S`` seconds."""
    try:
        with mapped_errors():
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await raw.close()
    except Unavailable as exc:
        log.debug("broker connection not closed cleanly", reason=str(exc))
