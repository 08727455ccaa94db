"""Commands to a running node, given with rabbitmqctl."""

import subprocess
import time
from typing import Final

from predictmq.local.rabbitmq.errors import BrokerFailed
from predictmq.local.rabbitmq.node import Node

TIMEOUT_S: Final = 60

STILL_STARTING: Final = "requires the 'rabbit' app to be running"
"""The error of a node that speaks AMQP already and takes commands in a moment."""


def run_rabbitmqctl(node: Node, *arguments: str) -> str:
    """Run rabbitmqctl against a node, again while the node still starts; return its output.

    Raises:
        BrokerFailed: the command failed; the text is its own.
    """
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        done = subprocess.run(
            node.command("rabbitmqctl", "--quiet", "--node", node.options.name, *arguments),
            env=node.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout
        if STILL_STARTING not in done.stderr or time.monotonic() > deadline:
            raise BrokerFailed(f"rabbitmqctl {' '.join(arguments)}: {done.stderr}")
