"""Fixtures of the acceptance tests of operations."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.services import Cluster, new_vhost


@pytest.fixture
def vhost(broker: PrivateBroker) -> str:
    """A vhost of the test, which a foreign client can use as well."""
    return new_vhost(broker)


@pytest.fixture
def cluster(broker: PrivateBroker, vhost: str, tmp_path: Path) -> Iterator[Cluster]:
    """Gateways and predictors in the vhost of the test; ended after it."""
    with Cluster(broker, tmp_path, vhost) as services:
        yield services
