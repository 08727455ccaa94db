"""The check that a server on a port speaks AMQP, and free ports."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from predictmq.local.ports import (
    LOOPBACK,
    PORTS,
    SHARE_VARIABLE,
    SHARES,
    free_port,
    is_open,
    speaks_amqp,
)


@contextmanager
def server(answer: bytes) -> Iterator[int]:
    """Run a server that reads the bytes of its only client, sends ``answer`` and closes."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(8)
            connection.sendall(answer)

    with socket.create_server((LOOPBACK, 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_a_server_that_answers_the_header_with_a_method_speaks_amqp() -> None:
    with server(b"\x01\x00\x00\x00\x00\x01\xf7") as port:
        assert speaks_amqp(LOOPBACK, port)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"AMQP\x00\x01\x00\x00", id="another version of AMQP"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="HTTP"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_server_that_answers_something_else_does_not_speak_amqp(answer: bytes) -> None:
    with server(answer) as port:
        assert not speaks_amqp(LOOPBACK, port)


def test_a_server_that_never_answers_does_not_speak_amqp() -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        assert not speaks_amqp(LOOPBACK, silent.getsockname()[1], timeout_s=0.1)


def test_a_free_port_has_no_listener_and_no_outgoing_connection_gets_it() -> None:
    port = free_port()
    assert port in PORTS
    assert not is_open(LOOPBACK, port)
    assert not speaks_amqp(LOOPBACK, port)


def test_processes_with_shares_of_their_own_never_get_the_same_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ports: dict[int, set[int]] = {}
    for share in (0, 1):
        monkeypatch.setenv(SHARE_VARIABLE, str(share))
        ports[share] = {free_port() for _ in range(20)}
    assert {port % SHARES for port in ports[0]} != {port % SHARES for port in ports[1]}
    assert all(len({port % SHARES for port in each}) == 1 for each in ports.values())
