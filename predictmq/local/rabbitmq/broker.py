"""A RabbitMQ node of our own, apart from any other on this machine."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from predictmq.local.ports import LOOPBACK, free_port, is_open, speaks_amqp
from predictmq.local.rabbitmq.directory_lock import DirectoryLock
from predictmq.local.rabbitmq.errors import BrokerFailed, BrokerMissing
from predictmq.local.rabbitmq.installation import installation
from predictmq.local.rabbitmq.node import Node, NodeOptions, Started
from predictmq.local.rabbitmq.rabbitmqctl import run_rabbitmqctl
from predictmq.local.waiting import wait_until

EPMD_TIMEOUT_S: Final = 5

OWNER_ALONE: Final = 0o700
"""The mode of the directory, which holds the password, the cookie and what callers have sent."""


class PrivateBroker:
    """A node with its own name, ports, port mapper, cookie and data, bound to the loopback.

    Its data stay in ``directory``, which its owner alone can read, when it stops or is killed, and
    ``start`` finds them again. All methods block. It signals only processes that it has started.
    ``prepare_child``, if given, runs in each child before it becomes the program
    (``preexec_fn``). A node that ``joins`` another, which runs, becomes a member of its cluster,
    needs a name of its own, and has to be stopped before it.
    """

    host: Final = LOOPBACK

    def __init__(
        self,
        directory: Path,
        options: NodeOptions | None = None,
        *,
        joins: "PrivateBroker | None" = None,
        prepare_child: Callable[[], None] | None = None,
    ) -> None:
        found = installation()
        if found is None:
            raise BrokerMissing("rabbitmq-server is not installed.")
        options = options or NodeOptions()
        self.name, self.port = options.name, options.amqp_port
        self.user, self.password = options.user, options.password
        self.directory = found.reachable(directory)
        """The folder of the data and the logs; below the chroot when there is one."""
        self.node: Node = Node(
            installation=found,
            directory=self.directory,
            options=options,
            distribution_port=free_port(),
            epmd_port=free_port() if joins is None else joins.node.epmd_port,
            joins=None if joins is None else joins.node,
        )
        self._prepare_child = prepare_child
        self._lock = DirectoryLock(self.directory)
        self._epmd: Started | None = None
        self._server: Started | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self.kill()  # interrupted: there is no time for good order
        self.stop()

    @property
    def is_running(self) -> bool:
        """True if the node was started and has not ended."""
        return self._server is not None and self._server.poll() is None

    @property
    def pid(self) -> int:
        """The id of the node's process, which has to run."""
        assert self._server is not None
        return self._server.pid

    def start(self, timeout_s: float = 60) -> None:
        """Start the node and wait until it speaks AMQP; leave nothing running on failure.

        Raises:
            BrokerFailed: the node ended or was not ready within ``timeout_s`` seconds, or another
                node uses the same directory, or it is not ours.
        """
        deadline = time.monotonic() + timeout_s
        if is_open(self.host, self.port):
            raise BrokerFailed(f"Port {self.port} is in use by another program.")
        self._make_directory()
        try:
            self._lock.acquire()
            self.node.write_files()  # not before: they may be those of a node that runs
            self._start_epmd()
            self._server = self._launch("server.log", self.node.command("rabbitmq-server"))
            self._await_amqp(self._server, deadline)
        except BaseException:
            self._end()
            raise

    def stop(self, timeout_s: float = 30) -> None:
        """End the node in good order, by force after ``timeout_s`` seconds, then its epmd.

        Raises:
            BrokerFailed: force was needed.
        """
        try:
            if self._server is not None:
                self._server.terminate()
                self._server.wait(timeout_s)
        except subprocess.TimeoutExpired as exc:
            raise BrokerFailed(f"RabbitMQ did not stop within {timeout_s:g} s.") from exc
        finally:
            self._end()

    def kill(self) -> None:
        """End the node at once, as a crash would (SIGKILL); its epmd stays for the next start."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl against this node; return its output.

        Raises:
            BrokerFailed: the command failed; the text is its own.
        """
        return run_rabbitmqctl(self.node, *arguments)

    def write_tables(self) -> None:
        """Write the node's tables to disk now.

        Without this, a node that is killed in the first moments of a new stream loses the stream.
        """
        self.ctl("eval", "[dets:sync(Table) || Table <- dets:all()].")

    def _make_directory(self) -> None:
        try:
            self.directory.mkdir(mode=OWNER_ALONE, parents=True, exist_ok=True)
            self.directory.chmod(OWNER_ALONE)  # it may be there already, from an earlier version
        except OSError as exc:
            raise BrokerFailed(f"{self.directory} cannot be used: {exc.strerror}.") from exc

    def _start_epmd(self) -> None:
        if self._epmd is None and self.node.joins is None:
            self._epmd = self._launch("epmd.log", self.node.epmd_command())
        if not wait_until(lambda: is_open(self.host, self.node.epmd_port), EPMD_TIMEOUT_S):
            raise BrokerFailed(f"epmd did not start: {self.node.reason('epmd.log')}")

    def _end(self) -> None:
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()  # it has no data that could be lost
            self._epmd.wait()
            self._epmd = None
        self._lock.release()

    def _await_amqp(self, server: Started, deadline: float) -> None:
        def settled() -> bool:
            return server.poll() is not None or speaks_amqp(self.host, self.port)

        if not wait_until(settled, deadline - time.monotonic()) or server.poll() is not None:
            raise BrokerFailed(f"RabbitMQ did not start: {self.node.reason('server.log')}")

    def _launch(self, log: str, command: list[str]) -> Started:
        return self.node.launch(command, log, self._lock.descriptors, self._prepare_child)
