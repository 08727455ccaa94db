"""Three RabbitMQ nodes that are one cluster."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

from predictmq.local.child_process import end_with_parent
from predictmq.local.rabbitmq.broker import PrivateBroker
from predictmq.local.rabbitmq.node import NodeOptions

SIZE: Final = 3


class Nodes:
    """A cluster on which every queue and stream has a member on each node.

    A context manager that starts and stops all nodes. All methods block.
    """

    def __init__(self, directory: Path) -> None:
        first = PrivateBroker(directory / "node-1", prepare_child=end_with_parent)
        others = (
            PrivateBroker(
                directory / f"node-{number}",
                NodeOptions(name=f"predictmq-{number}@localhost"),
                joins=first,
                prepare_child=end_with_parent,
            )
            for number in range(2, SIZE + 1)
        )
        self.all = (first, *others)
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:  # the first has to be stopped last
            for node in self.all:
                starting.enter_context(node)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def queues(self) -> list[str]:
        """Return the names of all queues and streams with members on several nodes."""
        return sorted(queue["name"] for queue in self._replicated())

    def leader(self, name: str) -> PrivateBroker:
        """Return the node of the leader of a queue or stream."""
        (leader,) = (queue["leader"] for queue in self._replicated() if queue["name"] == name)
        return next(node for node in self.all if node.name == leader)

    def is_whole(self) -> bool:
        """Return whether all members of all queues and streams run."""
        return all(len(queue["online"]) == SIZE for queue in self._replicated())

    def _replicated(self) -> list[dict[str, Any]]:
        asked = next(node for node in self.all if node.is_running)
        columns = ("name", "type", "leader", "online")
        listed = json.loads(asked.ctl("list_queues", "--formatter", "json", *columns))
        return [queue for queue in listed if queue["type"] in ("quorum", "stream")]
