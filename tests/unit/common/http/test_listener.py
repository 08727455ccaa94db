"""A socket that several processes listen on, and not all the time."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from common.errors import Misconfigured
from common.http.listener import ListenerOfSeveral, listen
from predictmq.local.ports import LOOPBACK, free_port


@pytest.fixture
def port() -> int:
    """A free port."""
    return free_port()


@pytest.fixture
def listener(port: int) -> Iterator[ListenerOfSeveral]:
    """A socket that is bound to the port."""
    bound = ListenerOfSeveral([f"{LOOPBACK}:{port}"])
    yield bound
    bound.close()


@contextmanager
def listening(*binds: str) -> Iterator[tuple[socket.socket, ...]]:
    """Listen for the time of a block."""
    listeners = listen(binds)
    yield listeners
    for each in listeners:
        each.close()


def connect(port: int, host: str = LOOPBACK) -> socket.socket:
    """Connect a client."""
    return socket.create_connection((host, port), timeout=10)


def test_clients_are_refused_until_it_is_opened(listener: ListenerOfSeveral, port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    listener.open()
    listener.open()
    with connect(port), listener.sockets[0].accept()[0]:
        pass


def test_clients_are_refused_from_refuse_until_it_is_opened_again(
    listener: ListenerOfSeveral, port: int
) -> None:
    listener.open()
    with connect(port) as waiting:
        listener.refuse()
        with pytest.raises(ConnectionResetError):
            waiting.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    listener.open()
    with connect(port), listener.sockets[0].accept()[0]:
        pass


def test_a_copy_of_the_socket_goes_on_listening_when_it_is_closed(
    listener: ListenerOfSeveral, port: int
) -> None:
    listener.open()
    with listener.sockets[0].dup() as copy:
        listener.close()
        with connect(port), copy.accept()[0]:
            pass


@pytest.mark.parametrize("host", [LOOPBACK, "[::1]"])
def test_a_port_that_is_taken_is_a_sentence(port: int, host: str) -> None:
    bind = f"{host}:{port}"
    with (
        listening(bind),
        pytest.raises(Misconfigured, match=r"cannot listen on .*: Address already"),
    ):
        listen([bind])


def test_a_port_that_was_taken_meanwhile_is_a_sentence(
    listener: ListenerOfSeveral, port: int
) -> None:
    with (
        listening(f"{LOOPBACK}:{port}"),
        pytest.raises(Misconfigured, match="Address already in use"),
    ):
        listener.open()


def test_every_address_of_a_list_is_listened_on(port: int) -> None:
    other = free_port()
    with listening(f"{LOOPBACK}:{port}", f"[::1]:{port}", f"{LOOPBACK}:{other}") as listeners:
        for host, at, listener in zip(
            (LOOPBACK, "::1", LOOPBACK), (port, port, other), listeners, strict=True
        ):
            with connect(at, host), listener.accept()[0]:
                pass


def test_a_star_is_every_address_of_both_families(port: int) -> None:
    with listening(f"*:{port}") as (of_4, of_6):
        for host, listener in ((LOOPBACK, of_4), ("127.0.0.2", of_4), ("::1", of_6)):
            with connect(port, host), listener.accept()[0]:
                pass


def test_a_star_is_every_address_of_one_family_where_there_is_no_other(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_any_family = socket.socket

    def without_ipv6(family: int = -1, *more: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return of_any_family(family, *more)

    monkeypatch.setattr("common.http.listener.socket.socket", without_ipv6)
    listeners = listen([f"*:{port}"])
    monkeypatch.undo()
    (listener,) = listeners
    with listener, connect(port), listener.accept()[0]:
        pass


def test_none_of_several_addresses_stays_bound_when_one_is_taken(port: int) -> None:
    taken = free_port()
    with listening(f"{LOOPBACK}:{taken}"), pytest.raises(Misconfigured, match=f":{taken}: Address"):
        listen([f"{LOOPBACK}:{port}", f"{LOOPBACK}:{taken}"])
    with listening(f"{LOOPBACK}:{port}"):
        pass
