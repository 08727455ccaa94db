"""The choice of the broker that ``make up`` uses: one that answers already, or a private node."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.amqp.login import close, connect
from common.errors import BrokerAway, Misconfigured
from common.settings import BrokerSettings, read_settings
from predictmq.local.ports import speaks_amqp
from predictmq.local.rabbitmq.broker import PrivateBroker
from predictmq.local.rabbitmq.installation import install, installation
from predictmq.local.rabbitmq.node import NodeOptions
from predictmq.local.waiting import wait_until

LOGIN_TIMEOUT_S: Final = 10.0
"""The patience with a node that has just started."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class ChosenBroker:
    """The environment variables that lead the services to the broker.

    ``node`` is the broker if this process has started it.
    """

    environment: dict[str, str]
    node: PrivateBroker | None = None


@contextmanager
def find_or_start_broker(
    directory: Path, say: Say, prepare_child: Callable[[], None] | None = None
) -> Iterator[ChosenBroker]:
    """Yield the broker to use; a private node runs for as long as the context lasts.

    The first of these is used: the broker that RABBITMQ_HOST names; the one that answers on this
    machine; a private node with its data below ``directory``, after installing RabbitMQ if need be.

    Raises:
        Misconfigured: the broker refuses the credentials, or a setting is wrong.
        BrokerMissing: there is no RabbitMQ, and it cannot be installed.
        BrokerFailed: the private node does not start or stop.
    """
    settings = read_settings(BrokerSettings)
    is_named = "host" in settings.model_fields_set
    if not is_named and installation() is None and not speaks_amqp(settings.host, settings.port):
        install(say)
    # Probed once more, because where there is a service manager Debian starts what it installs.
    if is_named or speaks_amqp(settings.host, settings.port):
        _check_login(settings, say)
        yield ChosenBroker({})
    else:
        say(f"Starting a private RabbitMQ with its data below {directory}.")
        with _private_node(directory, settings, prepare_child) as node:
            environment = {"RABBITMQ_HOST": node.host, "RABBITMQ_PORT": str(node.port)}
            where = f"{node.host}:{node.port}"
            say(f"It is at {where}; services that you start yourself find it there with")
            say("  " + " ".join(f"{name}={value}" for name, value in environment.items()))
            yield ChosenBroker(environment, node)


@contextmanager
def _private_node(
    directory: Path, settings: BrokerSettings, prepare_child: Callable[[], None] | None
) -> Iterator[PrivateBroker]:
    options = NodeOptions(user=settings.user, password=settings.password, vhost=settings.vhost)
    with PrivateBroker(directory, options, prepare_child=prepare_child) as node:
        there = settings.model_copy(update={"host": node.host, "port": node.port})
        try:
            wait_until(lambda: can_log_in(there), LOGIN_TIMEOUT_S)
        except Misconfigured as exc:  # it keeps the credentials of its first start
            raise Misconfigured(
                f"The private RabbitMQ below {node.directory} was set up with other credentials: "
                f"use those, or remove that folder and the predictions in it."
            ) from exc
        yield node


def _check_login(settings: BrokerSettings, say: Say) -> None:
    where = f"{settings.host}:{settings.port}"
    say(f"Using RabbitMQ at {where}.")
    if not can_log_in(settings):
        say(f"Nothing answers at {where} yet; the services keep trying.")


def can_log_in(settings: BrokerSettings) -> bool:
    """Tell whether the broker can be reached and admits us.

    Raises:
        Misconfigured: the broker refuses the user, the password or the vhost.
    """
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # the sentence of the error is enough
    return asyncio.run(_can_log_in(settings))


async def _can_log_in(settings: BrokerSettings) -> bool:
    try:
        connection = await connect(settings, "make up")
    except BrokerAway:
        return False
    await close(connection)
    return True
