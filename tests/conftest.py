"""A private RabbitMQ node for the tests, and the services on it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from predictmq.local.child_process import end_with_parent
from predictmq.local.ports import SHARE_VARIABLE
from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.services import Cluster

# The processes of one test run look for free ports at the same time.
os.environ[SHARE_VARIABLE] = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    """A new node on free ports."""
    directory = tmp_path_factory.mktemp("rabbitmq")
    with PrivateBroker(directory, prepare_child=end_with_parent) as node:
        yield node


@pytest.fixture
def cluster(broker: PrivateBroker, tmp_path: Path) -> Iterator[Cluster]:
    """Gateways and predictors in a vhost of the test; ended after it."""
    with Cluster(broker, tmp_path) as services:
        yield services
