"""The lock that keeps two nodes from the same data."""

import subprocess
from pathlib import Path

import pytest

from predictmq.local.rabbitmq.directory_lock import DirectoryLock
from predictmq.local.rabbitmq.errors import BrokerFailed


def test_a_directory_is_locked_once_until_it_is_released(tmp_path: Path) -> None:
    first, second = DirectoryLock(tmp_path), DirectoryLock(tmp_path)
    first.acquire()
    first.acquire()  # without effect
    with pytest.raises(BrokerFailed, match=f"Another RabbitMQ node uses {tmp_path}"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_process_that_inherits_the_lock_holds_it(tmp_path: Path) -> None:
    lock, other = DirectoryLock(tmp_path), DirectoryLock(tmp_path)
    lock.acquire()
    node = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=lock.descriptors)
    lock.release()
    with pytest.raises(BrokerFailed):
        other.acquire()
    node.communicate()
    other.acquire()
    other.release()
