"""The listening sockets of a server: its own, or those that several processes share."""

import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from common.configuration.addresses import EVERY
from common.errors import Misconfigured

BACKLOG: Final = 2048

ANSWER_TIMEOUT_S: Final = 60
"""The time for which a client may leave sent data unread."""

SYSTEM_BOUNDS_ANSWERS: Final = hasattr(socket, "TCP_USER_TIMEOUT")
"""True where the system closes connections whose clients do not read; a timer for each response
does the same at a cost."""


@dataclass(frozen=True)
class SharedPort:
    """Addresses at which several processes accept connections, from the sockets ``listeners``.

    ``others_stay`` returns whether this process, which was told to end, ends alone.
    """

    listeners: tuple[socket.socket, ...]
    others_stay: Callable[[], Awaitable[bool]]


def listen(binds: Iterable[str]) -> tuple[socket.socket, ...]:
    """Listen on each of ``binds``; see ``ListenerOfSeveral`` for their form.

    Raises:
        Misconfigured: an address cannot be listened on.
    """
    listener = ListenerOfSeveral(binds)
    try:
        listener.open()
    except Misconfigured:
        listener.close()
        raise
    return listener.sockets


class ListenerOfSeveral:
    """Listening sockets for several processes, which do not all listen all the time.

    Each of ``binds`` is ``host:port``, or ``*:port`` for every address of this machine. They are
    bound at once. They refuse connections until ``open``, and after ``refuse``.

    Raises:
        Misconfigured: an address cannot be bound.
    """

    def __init__(self, binds: Iterable[str]) -> None:
        self._bound: list[tuple[str, socket.socket]] = []
        try:
            for bind in binds:
                host, _, port = bind.rpartition(":")
                for each in _hosts(host):
                    with _explaining(bind):
                        self._bound.append((bind, _bind(each, int(port))))
        except Misconfigured:
            self.close()
            raise

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The sockets, one for each address."""
        return tuple(bound for _, bound in self._bound)

    def open(self) -> None:
        """Listen; does nothing if it does.

        Raises:
            Misconfigured: an address cannot be listened on any more.
        """
        for bind, bound in self._bound:
            with _explaining(bind):
                bound.listen(BACKLOG)

    def refuse(self) -> None:
        """Refuse connections, also those that no process has accepted, until ``open``."""
        for bound in self.sockets:
            with suppress(OSError):  # where a listening socket cannot be shut down, clients wait
                bound.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """Close the sockets; they stay open in the processes that have them."""
        for bound in self.sockets:
            bound.close()


def _hosts(host: str) -> tuple[str, ...]:
    """Return the addresses that ``host`` stands for: of both families, if the system has both."""
    if host != EVERY:
        return (host.strip("[]"),)
    return ("0.0.0.0", "::") if _has_ipv6() else ("0.0.0.0",)


def _has_ipv6() -> bool:
    try:
        socket.socket(socket.AF_INET6).close()
    except OSError:
        return False
    return True


def _bind(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if SYSTEM_BOUNDS_ANSWERS:  # inherited by each connection that is accepted
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * ANSWER_TIMEOUT_S)
        bound.bind((host, port))
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
