"""TCP ports of this machine: free ones, open ones, and those of an AMQP server."""

import os
import random
import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"

# Below the ports that kernels hand to outgoing connections: a client that keeps connecting
# to an ephemeral port while nobody listens there can end up connected to itself.
PORTS: Final = range(20_000, 32_000)

SHARE_VARIABLE: Final = "PREDICTMQ_PORT_SHARE"
"""The environment variable with the number of this process's share of the ports.

Processes that look for free ports at the same time have shares of their own, and hand them on to
the processes that they start.
"""

SHARES: Final = 16

PROTOCOL_HEADER: Final = b"AMQP\x00\x00\x09\x01"
METHOD_FRAME: Final = b"\x01"

_given: Final[set[int]] = set()


def free_port() -> int:
    """Find a port on which nobody listens on the loopback address.

    A process gets each port of its share once, until it has had all of them.
    """
    share = PORTS[int(os.environ.get(SHARE_VARIABLE, "0")) % SHARES :: SHARES]
    while True:
        if len(_given) == len(share):
            _given.clear()
        port = random.choice(share)
        if port in _given:
            continue
        _given.add(port)
        if not is_open(LOOPBACK, port) and _can_bind(port):
            return port


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def is_open(host: str, port: int, timeout_s: float = 1) -> bool:
    """Tell whether a server accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def speaks_amqp(host: str, port: int, timeout_s: float = 2) -> bool:
    """Tell whether the server there answers the AMQP 0-9-1 protocol header with a method.

    A server of another version of AMQP answers with its own header, any other server with
    something else or nothing.
    """
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(PROTOCOL_HEADER)
            return connection.recv(1) == METHOD_FRAME
    except OSError:
        return False
