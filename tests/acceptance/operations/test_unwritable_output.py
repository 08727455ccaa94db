"""Output that cannot be written: services start, serve and drain, and count the lines."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from select import select
from textwrap import dedent
from typing import Final

import httpx
import pytest

from tests.support.harness.calls import accepted, client, final
from tests.support.harness.metrics import read_metrics
from tests.support.harness.services import Cluster, Service
from tests.support.harness.waiting import until

CALLS: Final = 2000
FILLING: Final = 400
"""Calls whose lines fill a pipe several times."""

CALLERS: Final = 16
QUICK_S: Final = 5.0
"""Far longer than an answer takes on a busy machine, far shorter than a stalled write."""

DROPPED: Final = "predictmq_log_lines_dropped_total"

PRINTING: Final = dedent("""
    import sys

    def predict(input):
        print("printed", "x" * 3000)
        print("printed as an error", file=sys.stderr)
        return input
""")


class Reader:
    """The reader of the output of a service: a FIFO, which nobody reads at first."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.redirect = f"> {path} 2>&1"
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    async def read(self) -> None:
        """Wait for output, and read what is there."""

        async def is_there() -> bool:
            ready, _, _ = select([self._descriptor], [], [], 0)
            return bool(ready) and os.read(self._descriptor, 65_536) != b""

        await until(is_there, lambda: "output")

    def leave(self) -> None:
        """Close the FIFO."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


@pytest.fixture
def readers(tmp_path: Path) -> Iterator[list[Reader]]:
    """The readers of a gateway's and of a predictor's output."""
    both = [Reader(tmp_path / "gateway.fifo"), Reader(tmp_path / "predictor.fifo")]
    yield both
    for reader in both:
        reader.leave()


def start(
    cluster: Cluster, directory: Path, redirects: list[str], isolation: str = "thread"
) -> tuple[Service, Service]:
    """Start a gateway and a predictor whose model prints, with redirected streams."""
    (directory / "my_models.py").write_text(PRINTING)
    cluster.redirect = redirects[0]
    gateway = cluster.gateway()
    cluster.redirect = redirects[-1]
    predictor = cluster.predictor_in(
        directory, PREDICTOR_MODEL="demo=my_models:predict", PREDICTOR_ISOLATION=isolation
    )
    return gateway, predictor


@asynccontextmanager
async def alive(*services: Service) -> AsyncIterator[None]:
    """Check again and again that services respond to ``/livez`` quickly."""

    async def ask(service: Service) -> None:
        async with httpx.AsyncClient(base_url=service.url, timeout=QUICK_S) as http:
            while True:
                assert (await http.get("/livez")).status_code == 200
                await asyncio.sleep(0.1)

    asking = [asyncio.create_task(ask(service)) for service in services]
    yield
    for task in asking:
        assert not task.done(), task
        task.cancel()


async def serve(gateway: Service, predictor: Service) -> None:
    """Check that a gateway and a predictor start, and answer ``CALLS`` calls."""
    await gateway.ready()
    await predictor.ready()
    async with alive(gateway, predictor), client(gateway.url) as http:
        await answer_all(http, CALLS)
        found = await final(http, await accepted(http, "later"))
        assert found.json()["output"]["result"] == "later"


async def answer_all(http: httpx.AsyncClient, calls: int) -> None:
    """Make calls, and check that each one is answered."""
    numbers = iter(range(calls))

    async def call_on() -> None:
        for number in numbers:
            answer = await http.post("/predict", json={"input": number})
            assert (answer.status_code, answer.json()["result"]) == (200, number)

    async with asyncio.TaskGroup() as callers:
        for _ in range(CALLERS):
            callers.create_task(call_on())


async def drain(*services: Service) -> None:
    """Check that services end as ever."""
    for service in services:
        service.terminate()
    for service in services:
        assert await service.exit_code(timeout_s=10) == 0


@pytest.mark.parametrize(
    "redirect",
    [">&- 2>&-", "<&- >&- 2>&-", "> /dev/full 2>&1"],
    ids=["closed", "all closed", "full"],
)
async def test_services_whose_output_is_closed_or_full_start_serve_and_drain(
    cluster: Cluster, tmp_path: Path, redirect: str
) -> None:
    services = start(cluster, tmp_path, [redirect])
    await serve(*services)
    for service in services:
        assert (await read_metrics(service))[DROPPED] >= CALLS
        for number in range(3):  # no connection has taken the place of a stream
            assert os.readlink(f"/proc/{service.pid}/fd/{number}").startswith("/dev/")
    await drain(*services)


async def test_services_whose_reader_has_gone_start_serve_and_drain(
    cluster: Cluster, tmp_path: Path, readers: list[Reader]
) -> None:
    services = start(cluster, tmp_path, [reader.redirect for reader in readers])
    for reader in readers:
        await reader.read()
        reader.leave()
    await serve(*services)
    for service in services:
        assert (await read_metrics(service))[DROPPED] >= CALLS - 1
    await drain(*services)


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_services_whose_reader_stands_still_start_serve_and_drain(
    cluster: Cluster, tmp_path: Path, readers: list[Reader], isolation: str
) -> None:
    gateway, predictor = start(
        cluster, tmp_path, [reader.redirect for reader in readers], isolation
    )
    await serve(gateway, predictor)
    assert (await read_metrics(gateway))[DROPPED] == 0  # the queue has room for so few
    assert (await read_metrics(predictor))[DROPPED] > 0  # but not for what its model prints
    await drain(gateway, predictor)


@pytest.mark.parametrize("leaves", [True, False], ids=["has gone", "stands still"])
async def test_make_up_whose_reader_reads_no_more_starts_serves_and_drains(
    cluster: Cluster, tmp_path: Path, readers: list[Reader], leaves: bool
) -> None:
    (tmp_path / "my_models.py").write_text(PRINTING)
    reader = readers[0]
    cluster.redirect = reader.redirect
    up = cluster.gateway_as(
        "predictmq.local.up",
        PREDICTOR_MODEL="demo=my_models:predict",
        PYTHONPATH=str(tmp_path),
    )
    await reader.read()
    if leaves:
        reader.leave()
    await up.ready()
    async with alive(up), client(up.url) as http:
        await answer_all(http, FILLING)
    await drain(up)
