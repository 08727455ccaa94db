"""Everything in the foreground, as ``make up``: a broker, a gateway and the predictors.

Exit codes: 0 after a Ctrl-C or a SIGTERM; 2 when something cannot be started, with one
sentence that says why; 130 when interrupted while starting, or a second time.
"""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Final, NoReturn

from dotenv import load_dotenv

from common.errors import Misconfigured
from common.settings import read_settings
from gateway.settings import GatewaySettings
from predictmq.local.broker_choice import find_or_start
from predictmq.local.child_process import UNUSABLE_CONFIGURATION, end_with_parent
from predictmq.local.console import Console
from predictmq.local.ports import LOOPBACK, free_port
from predictmq.local.rabbitmq.broker import BrokerFailed
from predictmq.local.rabbitmq.installation import BrokerMissing
from predictmq.local.supervisor import Plan, Services
from predictor_service.settings import PredictorSettings

BROKER_DATA: Final = Path(".rabbitmq")


def read_plan() -> Plan:
    """Read the settings, and see that the gateway's port is free.

    Raises:
        Misconfigured: a setting is wrong or the port is taken.
    """
    gateway, predictor = read_settings(GatewaySettings), read_settings(PredictorSettings)
    count = os.environ.get("PREDICTORS") or "1"
    if not count.isdecimal():
        raise Misconfigured(f"PREDICTORS is how many predictors to run, not '{count}'.")
    require_free(gateway.bind)
    return Plan(
        bind=gateway.bind,
        # PREDICTOR_HEALTH_BIND is one place and cannot hold several: each gets its own.
        predictor_binds=tuple(f"{LOOPBACK}:{free_port()}" for _ in range(int(count))),
        gateway_drain_s=gateway.drain_s,
        predictor_drain_s=predictor.drain_s,
    )


def require_free(bind: str) -> None:
    """See that a server can listen on ``bind``, an address and a port.

    Raises:
        Misconfigured: it cannot; the sentence says why.
    """
    host, _, port = bind.rpartition(":")
    try:
        family, *_, address = socket.getaddrinfo(host.strip("[]"), int(port))[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as exc:
        raise Misconfigured(
            f"The gateway cannot listen on {bind} ({exc.strerror}): end what uses it, or choose "
            f"another address, as in GATEWAY_BIND=127.0.0.1:8090 make up."
        ) from exc


def run() -> int:
    """Start everything and wait for its end; returns the exit code.

    Raises:
        Misconfigured, BrokerMissing, BrokerFailed: it cannot be started.
    """
    plan = read_plan()
    console = Console(["up", *plan.names])
    with find_or_start(BROKER_DATA, console.voice("up"), end_with_parent) as broker:
        environ = {**os.environ, **broker.environment}
        if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
            environ.setdefault("FORCE_COLOR", "1")  # what they say goes through our hands
        try:
            return asyncio.run(Services(plan, environ, console, broker.node).run())
        finally:
            signal.signal(signal.SIGTERM, _interrupt)  # asyncio took it; the broker still runs


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> int:
    """The command: settings from the environment and from .env, which does not override it."""
    load_dotenv(".env")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return run()
    except (Misconfigured, BrokerMissing, BrokerFailed) as exc:
        print(exc, file=sys.stderr)
        return UNUSABLE_CONFIGURATION
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
