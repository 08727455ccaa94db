"""Which broker ``make up`` uses: one that is there already, or a private node."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from structlog.testing import capture_logs

from common.amqp.connection import Connection
from common.errors import BrokerAway, Misconfigured
from common.settings import BrokerSettings, read_settings
from predictmq.local.ports import speaks_amqp
from predictmq.local.rabbitmq.broker import PrivateBroker
from predictmq.local.rabbitmq.installation import install, installation

LOGIN_TIMEOUT_S: Final = 5

Say = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """A broker, by the environment variables with which the services find it.

    ``node`` is it if it is ours.
    """

    environment: dict[str, str]
    node: PrivateBroker | None = None


@contextmanager
def find_or_start(
    directory: Path, say: Say, prepare_child: Callable[[], None] | None = None
) -> Iterator[Found]:
    """Yields the broker to use, which is there for as long as the context lasts.

    It is the one that RABBITMQ_HOST names; else the one that answers on this machine; else a
    private node below ``directory``, stopped at the end, after installing RabbitMQ if need be.

    Raises:
        Misconfigured: the broker refuses the credentials, or a setting is wrong.
        BrokerMissing: there is no RabbitMQ, and it cannot be installed.
        BrokerFailed: the private node does not start or stop.
    """
    settings = read_settings(BrokerSettings)
    where = f"{settings.host}:{settings.port}"
    is_named = bool(os.environ.get("RABBITMQ_HOST"))
    if not is_named and installation() is None and not speaks_amqp(settings.host, settings.port):
        install(say)
    # Asked once more, because where there is a service manager Debian starts what it installs.
    if is_named or speaks_amqp(settings.host, settings.port):
        say(f"Using RabbitMQ at {where}.")
        if not log_in(settings):
            say(f"Nothing answers at {where} yet; the services keep trying.")
        yield Found({})
        return
    say(f"Starting a private RabbitMQ with its data below {directory}.")
    node = PrivateBroker(
        directory,
        user=settings.user,
        password=settings.password,
        vhost=settings.vhost,
        prepare_child=prepare_child,
    )
    with node:
        _log_in_to_private(node, settings)
        say(
            f"It is at {node.host}:{node.port}; services that you start yourself find it there with"
        )
        say(f"  RABBITMQ_HOST={node.host} RABBITMQ_PORT={node.port}")
        yield Found({"RABBITMQ_HOST": node.host, "RABBITMQ_PORT": str(node.port)}, node)


def _log_in_to_private(node: PrivateBroker, settings: BrokerSettings) -> None:
    """The node knows the credentials with which it was first started, and no others."""
    address = {"RABBITMQ_HOST": node.host, "RABBITMQ_PORT": node.port}
    theirs = settings.model_dump(by_alias=True) | address
    try:
        log_in(BrokerSettings.model_validate(theirs))
    except Misconfigured as exc:
        raise Misconfigured(
            f"The private RabbitMQ below {node.directory} was set up with other credentials: "
            f"use those, or remove that folder and the predictions in it."
        ) from exc


def log_in(settings: BrokerSettings) -> bool:
    """Tells whether the broker let us in; False when it cannot be reached.

    Raises:
        Misconfigured: it refused us.
    """
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    with capture_logs():  # what happens is told in one sentence
        return asyncio.run(_log_in(settings))


async def _log_in(settings: BrokerSettings) -> bool:
    connection = Connection(settings, "make up", set_up=_nothing)
    running = asyncio.create_task(connection.run())
    ready = asyncio.create_task(connection.ready(LOGIN_TIMEOUT_S))
    await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    ready.cancel()
    with suppress(asyncio.CancelledError):
        await running
    with suppress(asyncio.CancelledError, BrokerAway):
        await ready
        return True
    return False


async def _nothing(_: Connection) -> None:
    """A connection that only logs in has nothing to set up."""
