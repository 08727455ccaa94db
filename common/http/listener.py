"""The listening socket of a server: its own, or one that several processes share."""

import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from common.errors import Misconfigured

BACKLOG: Final = 2048

ANSWER_TIMEOUT_S: Final = 60
"""The time for which a client may leave sent data unread."""

SYSTEM_BOUNDS_ANSWERS: Final = hasattr(socket, "TCP_USER_TIMEOUT")
"""True where the system closes connections whose clients do not read; a timer for each response
does the same at a cost."""


@dataclass(frozen=True)
class SharedPort:
    """A port at which several processes accept connections, from one ``listener`` at ``bind``.

    ``others_stay`` returns whether this process, which was told to end, ends alone.
    """

    bind: str
    listener: socket.socket
    others_stay: Callable[[], Awaitable[bool]]


def listen(bind: str) -> socket.socket:
    """Listen on ``host:port``.

    Raises:
        Misconfigured: the address cannot be listened on.
    """
    with _explaining(bind):
        listener = _bind(bind)
        listener.listen(BACKLOG)
    return listener


class ListenerOfSeveral:
    """A listening socket for several processes, which do not all listen all the time.

    It is bound to ``host:port`` at once. It refuses connections until ``open``, and after
    ``refuse``.

    Raises:
        Misconfigured: the address cannot be bound.
    """

    def __init__(self, bind: str) -> None:
        self._bind = bind
        with _explaining(bind):
            self.socket = _bind(bind)

    def open(self) -> None:
        """Listen; does nothing if it does.

        Raises:
            Misconfigured: the address cannot be listened on any more.
        """
        with _explaining(self._bind):
            self.socket.listen(BACKLOG)

    def refuse(self) -> None:
        """Refuse connections, also those that no process has accepted, until ``open``."""
        with suppress(OSError):  # where a listening socket cannot be shut down, clients wait
            self.socket.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """Close the socket; it stays open in the processes that have it."""
        self.socket.close()


def _bind(bind: str) -> socket.socket:
    host, _, port = bind.rpartition(":")
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if SYSTEM_BOUNDS_ANSWERS:  # inherited by each connection that is accepted
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * ANSWER_TIMEOUT_S)
        bound.bind((host.strip("[]"), int(port)))
    except OSError:
        bound.close()
        raise
    return bound


@contextmanager
def _explaining(bind: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise Misconfigured(
            f"cannot listen on {bind}: {exc.strerror or exc}; stop what uses it or choose "
            f"another address."
        ) from exc
