"""The lock on the directory of a node: two nodes on the same data destroy them."""

import fcntl
from pathlib import Path
from typing import IO

from predictmq.local.rabbitmq.errors import BrokerFailed


class DirectoryLock:
    """An exclusive lock, which the node's own process inherits as an open file.

    So it is held for as long as the node lives, even when this process does not.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: IO[str] | None = None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The open file that the node's process has to inherit."""
        return () if self._file is None else (self._file.fileno(),)

    def acquire(self) -> None:
        """Take the lock; without effect if it is held already.

        Raises:
            BrokerFailed: another node has it.
        """
        file = self._file or (self._directory / "lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            file.close()
            raise BrokerFailed(f"Another RabbitMQ node uses {self._directory}: end it.") from exc
        self._file = file

    def release(self) -> None:
        """Give up this process's hold on the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None
