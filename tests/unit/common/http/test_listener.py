"""A socket that several processes listen on, and not all the time."""

import socket
from collections.abc import Iterator

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
    bound = ListenerOfSeveral(f"{LOOPBACK}:{port}")
    yield bound
    bound.close()


def connect(port: int) -> socket.socket:
    """Connect a client."""
    return socket.create_connection((LOOPBACK, port), timeout=10)


def test_clients_are_refused_until_it_is_opened(listener: ListenerOfSeveral, port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    listener.open()
    listener.open()
    with connect(port), listener.socket.accept()[0]:
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
    with connect(port), listener.socket.accept()[0]:
        pass


def test_a_copy_of_the_socket_goes_on_listening_when_it_is_closed(
    listener: ListenerOfSeveral, port: int
) -> None:
    listener.open()
    with listener.socket.dup() as copy:
        listener.close()
        with connect(port), copy.accept()[0]:
            pass


@pytest.mark.parametrize("host", [LOOPBACK, "[::1]"])
def test_a_port_that_is_taken_is_a_sentence(port: int, host: str) -> None:
    bind = f"{host}:{port}"
    with listen(bind), pytest.raises(Misconfigured, match=r"cannot listen on .*: Address already"):
        listen(bind)


def test_a_port_that_was_taken_meanwhile_is_a_sentence(
    listener: ListenerOfSeveral, port: int
) -> None:
    with listen(f"{LOOPBACK}:{port}"), pytest.raises(Misconfigured, match="Address already in use"):
        listener.open()
