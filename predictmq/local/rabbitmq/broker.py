"""A RabbitMQ node of our own, apart from any other on this machine."""

import fcntl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final, Self

from predictmq.local.ports import LOOPBACK, free_port, is_open, speaks_amqp, wait_until
from predictmq.local.rabbitmq.installation import BrokerMissing, installation
from predictmq.local.rabbitmq.node import NODE, Node, Started

EPMD_TIMEOUT_S: Final = 5
CTL_TIMEOUT_S: Final = 60

STILL_STARTING: Final = "requires the 'rabbit' app to be running"
"""What rabbitmqctl says to a node that speaks AMQP already and takes commands in a moment."""


class BrokerFailed(Exception):
    """The node, its port mapper or rabbitmqctl did not do what was asked; the text says why."""


class PrivateBroker:
    """A node with its own name, ports, port mapper, cookie and data, bound to the loopback.

    Its data stay in ``directory`` when it stops or is killed, and ``start`` finds them again.
    All methods block. It touches no process that it has not started. ``prepare_child``, if
    given, runs in each child before it becomes the program (``preexec_fn``). A node that
    ``joins`` another, which runs, is one more of its cluster, under a ``name`` of its own, and
    has to be stopped before it.
    """

    host: Final = LOOPBACK

    def __init__(  # noqa: PLR0913 - what a node can be told
        self,
        directory: Path,
        *,
        amqp_port: int | None = None,
        user: str = "predictmq",
        password: str = "predictmq",
        vhost: str = "/",
        prepare_child: Callable[[], None] | None = None,
        name: str = NODE,
        joins: "PrivateBroker | None" = None,
    ) -> None:
        found = installation()
        if found is None:
            raise BrokerMissing("rabbitmq-server is not installed.")
        self._node: Node = Node(
            installation=found,
            directory=found.reachable(directory),
            amqp_port=amqp_port or free_port(),
            distribution_port=free_port(),
            epmd_port=free_port() if joins is None else joins._node.epmd_port,
            user=user,
            password=password,
            vhost=vhost,
            name=name,
            joins=None if joins is None else joins._node,
        )
        self.port, self.user, self.password = self._node.amqp_port, user, password
        self._prepare_child = prepare_child
        self._epmd: Started | None = None
        self._server: Started | None = None
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self.kill()  # interrupted: there is no time for good order
        self.stop()

    @property
    def name(self) -> str:
        """What Erlang calls the node."""
        return self._node.name

    @property
    def directory(self) -> Path:
        """Where the data and the logs are; below the chroot when there is one."""
        return self._node.directory

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._server is not None and self._server.poll() is None

    @property
    def pid(self) -> int:
        """The node's process; it has to be running."""
        assert self._server is not None
        return self._server.pid

    def start(self, timeout_s: float = 60) -> None:
        """Start the node and wait until it speaks AMQP; nothing is left running on failure.

        Raises:
            BrokerFailed: it ended or was not ready within ``timeout_s`` seconds, or another
                node uses the same directory.
        """
        deadline = time.monotonic() + timeout_s
        if is_open(self.host, self.port):
            raise BrokerFailed(f"Port {self.port} is in use by another program.")
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            self._take_lock()
            self._node.write_files()  # not before: they may be those of a node that runs
            self._start_epmd()
            self._server = self._launch("server.log", self._node.command("rabbitmq-server"))
            self._await_amqp(self._server, deadline)
        except BaseException:
            self.kill()
            self._stop_epmd()
            raise

    def stop(self, timeout_s: float = 30) -> None:
        """End the node in good order, by force after ``timeout_s`` seconds, then its epmd."""
        try:
            if self._server is not None:
                self._server.terminate()
                self._server.wait(timeout_s)
        except subprocess.TimeoutExpired as exc:
            raise BrokerFailed(f"RabbitMQ did not stop within {timeout_s:g} s.") from exc
        finally:
            self.kill()
            self._stop_epmd()

    def kill(self) -> None:
        """End the node at once, as a crash would (SIGKILL); its epmd stays for the next start."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl against this node; returns what it printed.

        Raises:
            BrokerFailed: it failed; the text is its own.
        """
        deadline = time.monotonic() + CTL_TIMEOUT_S
        while True:
            done = subprocess.run(
                self._node.command("rabbitmqctl", "--quiet", "--node", self.name, *arguments),
                env=self._node.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=CTL_TIMEOUT_S,
                check=False,
            )
            if done.returncode == 0:
                return done.stdout
            if STILL_STARTING not in done.stderr or time.monotonic() > deadline:
                raise BrokerFailed(f"rabbitmqctl {' '.join(arguments)}: {done.stderr}")

    def write_tables(self) -> None:
        """Write the node's tables to disk now.

        A node that is killed in the first moments of a new stream finds it no more.
        """
        self.ctl("eval", "[dets:sync(Table) || Table <- dets:all()].")

    def _take_lock(self) -> None:
        """Two nodes on the same data destroy them. The lock is handed on to the node, so it
        is held for as long as the node lives, even when we do not.
        """
        lock = self._lock or (self.directory / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            lock.close()
            raise BrokerFailed(f"Another RabbitMQ node uses {self.directory}: end it.") from exc
        self._lock = lock

    def _start_epmd(self) -> None:
        if self._epmd is None and self._node.joins is None:
            self._epmd = self._launch("epmd.log", self._node.epmd_command())
        if not wait_until(lambda: is_open(self.host, self._node.epmd_port), EPMD_TIMEOUT_S):
            raise BrokerFailed(f"epmd did not start: {self._node.reason('epmd.log')}")

    def _stop_epmd(self) -> None:
        if self._epmd is not None:
            self._epmd.kill()  # it keeps nothing that could be lost
            self._epmd.wait()
            self._epmd = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _await_amqp(self, server: Started, deadline: float) -> None:
        def settled() -> bool:
            return server.poll() is not None or speaks_amqp(self.host, self.port)

        if not wait_until(settled, deadline - time.monotonic()) or server.poll() is not None:
            raise BrokerFailed(f"RabbitMQ did not start: {self._node.reason('server.log')}")

    def _launch(self, log: str, command: list[str]) -> Started:
        keep = () if self._lock is None else (self._lock.fileno(),)
        return self._node.launch(command, log, keep, self._prepare_child)
