"""The stage of the benchmarks: a private broker, a folder, and the duration of a run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote
from uuid import uuid4

from predictmq.local.child_process import end_with_parent
from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.benchmarks.base import Base
from tests.support.harness.services import new_vhost


@dataclass(frozen=True)
class Stage:
    """The stage of every part of a run: ``rounds`` rounds of ``seconds`` for each load."""

    broker: PrivateBroker
    base: Base
    directory: Path
    rounds: int
    seconds: int

    def new_directory(self) -> Path:
        """Create a folder for one contender's files and logs."""
        directory = self.directory / uuid4().hex[:8]
        directory.mkdir()
        return directory

    def new_vhost(self) -> str:
        """Create a vhost for one contender."""
        return new_vhost(self.broker)

    def amqp_url(self, vhost: str) -> str:
        """Return the URL of a vhost, as client libraries take it."""
        broker = self.broker
        login = f"{quote(broker.user)}:{quote(broker.password)}"
        return f"amqp://{login}@{broker.host}:{broker.port}/{quote(vhost)}"

    def login(self, vhost: str) -> dict[str, str]:
        """Return the settings with which PredictMQ connects to a vhost."""
        return {
            "RABBITMQ_HOST": self.broker.host,
            "RABBITMQ_PORT": str(self.broker.port),
            "RABBITMQ_DEFAULT_USER": self.broker.user,
            "RABBITMQ_DEFAULT_PASS": self.broker.password,
            "RABBITMQ_VHOST": vhost,
        }

    def has_consumer(self, vhost: str) -> bool:
        """Return whether a queue of the vhost has a consumer."""
        return bool(self.broker.ctl("list_consumers", "--vhost", vhost, "--no-table-headers"))


@contextmanager
def set_up(base: Base, rounds: int, seconds: int) -> Iterator[Stage]:
    """Start the broker; end it, and remove its data, with the context."""
    for name in list(os.environ):
        if name.startswith(("RABBITMQ_", "GATEWAY_", "PREDICTOR_", "DEFAULT_MODEL", "DEMO_")):
            del os.environ[name]  # settings that are not meant for what is measured
    with TemporaryDirectory(prefix="predictmq-bench-") as name:
        directory = Path(name)
        with PrivateBroker(directory / "rabbitmq", prepare_child=end_with_parent) as broker:
            yield Stage(broker, base, directory, rounds, seconds)
