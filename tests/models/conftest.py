"""Models that ship, served by the real services."""

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.support.harness.calls import client
from tests.support.harness.services import ROOT, Cluster

Serve = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def serve(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Serve]:
    """A function that serves ``PREDICTOR_MODEL`` from the test's directory; returns a client."""
    async with AsyncExitStack() as clients:

        async def start(specification: str, **settings: str) -> httpx.AsyncClient:
            name = specification.partition("=")[0]
            gateway = cluster.gateway(DEFAULT_MODEL=name)
            predictor = cluster.predictor_in(tmp_path, PREDICTOR_MODEL=specification, **settings)
            await gateway.ready()
            await predictor.ready()
            return await clients.enter_async_context(client(gateway.url))

        yield start


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of ``train_digits``: the classifier, and images from outside its training set."""
    directory = tmp_path_factory.mktemp("digits")
    command = [sys.executable, "-m", "tests.models.train_digits", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    return directory
