"""Free ports, and whether an AMQP server listens on one."""

import os
import random
import socket
import time
from collections.abc import Callable
from typing import Final

LOOPBACK: Final = "127.0.0.1"

# Below the ports that kernels hand to outgoing connections: a client that keeps connecting
# to an ephemeral port while nobody listens there can end up connected to itself.
PORTS: Final = range(20_000, 32_000)

POLL_S: Final = 0.05
PROTOCOL_HEADER: Final = b"AMQP\x00\x00\x09\x01"
METHOD_FRAME: Final = b"\x01"


SHARES: Final = 16
"""How many processes of one test run take their ports out of different ones."""

_given: Final[set[int]] = set()


def free_port() -> int:
    """Find a port on which nobody listens on the loopback address, nor is about to.

    No two are the same in a process, or in those of a test run.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = PORTS[worker % SHARES :: SHARES]
    while True:
        if len(_given) == len(share):
            _given.clear()
        port = random.choice(share)
        if port in _given:
            continue
        _given.add(port)
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) != 0 and _can_bind(port):
                return port


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def is_open(host: str, port: int, timeout_s: float = 1) -> bool:
    """Tell whether anything accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def speaks_amqp(host: str, port: int, timeout_s: float = 2) -> bool:
    """Tell whether the server there answers the AMQP 0-9-1 protocol header with a method.

    A server of another version of AMQP answers with its own header, any other one with
    something else or nothing.
    """
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(PROTOCOL_HEADER)
            return connection.recv(1) == METHOD_FRAME
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Ask again and again, for at most ``timeout_s`` seconds; tells whether it came true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
