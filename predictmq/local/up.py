"""The command ``make up``: a broker, a gateway and the predictors in the foreground.

Exit codes: 0 after a Ctrl-C or a SIGTERM; 2 when something cannot be started, with one
sentence that says why; 130 when interrupted while starting, or a second time.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final, NoReturn

from dotenv import load_dotenv

from common.configuration.command_line import answer
from common.errors import Misconfigured
from common.telemetry.standard_streams import queue_output
from predictmq.local.broker_choice import find_or_start_broker
from predictmq.local.child_process import UNUSABLE_CONFIGURATION, end_with_parent
from predictmq.local.console import Console
from predictmq.local.plan import EVERY_SETTING, read_plan
from predictmq.local.rabbitmq.errors import BrokerFailed, BrokerMissing
from predictmq.local.supervisor import Supervisor

BROKER_DATA: Final = Path(".rabbitmq")


def run() -> int:
    """Start everything and wait for its end; return the exit code.

    Raises:
        Misconfigured, BrokerMissing, BrokerFailed: it cannot be started.
    """
    plan = read_plan()
    console = Console(["up", *plan.names])
    with find_or_start_broker(BROKER_DATA, console.voice("up"), end_with_parent) as broker:
        environ = {**os.environ, **broker.environment}
        if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
            environ.setdefault("FORCE_COLOR", "1")  # the services write to pipes, not to a terminal
        try:
            return asyncio.run(Supervisor(plan, environ, console, broker.node).run())
        finally:
            signal.signal(signal.SIGTERM, _interrupt)  # asyncio took it; the broker still runs


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _read_env_file() -> None:
    """Add the settings of ``.env`` to the environment, which has precedence.

    Raises:
        Misconfigured: the file cannot be read.
    """
    try:
        load_dotenv(".env")
    except OSError as exc:
        raise Misconfigured(f".env cannot be read: {exc.strerror}.") from exc
    except ValueError as exc:  # such as a byte that is no UTF-8, or a zero
        raise Misconfigured(".env has bytes that are no text in UTF-8.") from exc


def main() -> int:
    """Run the command with settings from the environment and, behind it, from ``.env``.

    It serves on if nobody reads its output: see ``queue_output``.
    """
    queue_output()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if text := answer("command make up", sys.argv[1:], EVERY_SETTING):
            print(text)
            return 0
        _read_env_file()
        return run()
    except (Misconfigured, BrokerMissing, BrokerFailed) as exc:
        print(exc, file=sys.stderr)
        return UNUSABLE_CONFIGURATION
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
