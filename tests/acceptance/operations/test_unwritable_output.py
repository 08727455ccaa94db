"""Output that cannot be written: processes start, serve and drain, and count the lines."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from select import select
from textwrap import dedent
from typing import Final

import httpx
import pytest

from tests.support.harness.calls import accepted, client, final
from tests.support.harness.metrics import read_samples
from tests.support.harness.services import Cluster, Service
from tests.support.harness.waiting import until

CALLS: Final = 400
"""Calls whose lines fill a pipe several times."""

PRINTING_CALLS: Final = 2000
"""Calls in which the model prints more than waits for a reader."""

CALLERS: Final = 16
QUICK_S: Final = 5.0
"""Far longer than an answer takes on a busy machine, far shorter than a stalled write."""

UNWRITABLE: Final = {
    "closed": ">&- 2>&-",
    "all closed": "<&- >&- 2>&-",
    "full": "> /dev/full 2>&1",
}
"""Redirections of the standard streams to where nothing can be written."""

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


@dataclass(frozen=True)
class Processes:
    """The processes into which a gateway and a predictor are divided."""

    gateway_workers: int = 1
    predictor_isolation: str = "thread"


ONE_EACH: Final = Processes()
SEVERAL: Final = Processes(gateway_workers=2, predictor_isolation="process")

IN_PROCESSES: Final = pytest.mark.parametrize(
    "processes", [ONE_EACH, SEVERAL], ids=["one each", "several"]
)


def start(
    cluster: Cluster, directory: Path, redirects: list[str], processes: Processes
) -> tuple[Service, Service]:
    """Start a gateway and a predictor whose model prints, with redirected streams."""
    (directory / "my_models.py").write_text(PRINTING)
    cluster.redirect = redirects[0]
    gateway = cluster.gateway(GATEWAY_WORKERS=str(processes.gateway_workers))
    cluster.redirect = redirects[-1]
    predictor = cluster.predictor_in(
        directory,
        PREDICTOR_MODEL="demo=my_models:predict",
        PREDICTOR_ISOLATION=processes.predictor_isolation,
    )
    return gateway, predictor


async def dropped_lines(service: Service) -> float:
    """Return the number of lines that a service, all of its processes, has dropped."""
    samples = await read_samples(service)
    return sum(sample.value for sample in samples if sample.name == DROPPED)


async def workers_restart(gateway: Service, workers: int) -> None:
    """Kill all workers of a gateway but one, and check that they are started again."""
    for victim in gateway.children()[1:]:
        os.kill(victim, signal.SIGKILL)
        await gateway.gone(victim)
    for number in range(1, workers + 1):
        await gateway.reads(f'predictmq_worker_up{{worker="{number}"}} 1.0')


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


async def serve(gateway: Service, predictor: Service, calls: int = CALLS) -> None:
    """Check that a gateway and a predictor start, and answer calls."""
    await gateway.ready()
    await predictor.ready()
    async with alive(gateway, predictor), client(gateway.url) as http:
        await answer_all(http, calls)
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


async def restart_and_drain(gateway: Service, predictor: Service, processes: Processes) -> None:
    """Check that workers are started again, where there are some, and that services end."""
    if processes is SEVERAL:
        await workers_restart(gateway, processes.gateway_workers)
    await drain(gateway, predictor)


@IN_PROCESSES
@pytest.mark.parametrize("redirect", UNWRITABLE.values(), ids=UNWRITABLE)
async def test_services_whose_output_is_closed_or_full_start_serve_and_drain(
    cluster: Cluster, tmp_path: Path, redirect: str, processes: Processes
) -> None:
    gateway, predictor = start(cluster, tmp_path, [redirect], processes)
    await serve(gateway, predictor)
    assert await dropped_lines(gateway) >= CALLS
    assert await dropped_lines(predictor) > 2 * CALLS  # what its model prints included
    for service in (gateway, predictor):
        for process in (service.pid, *service.children()):
            for number in range(3):  # no connection has taken the place of a stream
                assert os.readlink(f"/proc/{process}/fd/{number}").startswith("/dev/")
    await restart_and_drain(gateway, predictor, processes)


@IN_PROCESSES
async def test_services_whose_reader_has_gone_start_serve_and_drain(
    cluster: Cluster, tmp_path: Path, readers: list[Reader], processes: Processes
) -> None:
    gateway, predictor = start(
        cluster, tmp_path, [reader.redirect for reader in readers], processes
    )
    for reader in readers:
        await reader.read()
        reader.leave()
    await serve(gateway, predictor)
    assert await dropped_lines(gateway) >= CALLS - 1
    assert await dropped_lines(predictor) > 2 * CALLS
    await restart_and_drain(gateway, predictor, processes)


@IN_PROCESSES
async def test_services_whose_reader_stands_still_start_serve_and_drain(
    cluster: Cluster, tmp_path: Path, readers: list[Reader], processes: Processes
) -> None:
    gateway, predictor = start(
        cluster, tmp_path, [reader.redirect for reader in readers], processes
    )
    await serve(gateway, predictor, calls=PRINTING_CALLS)
    assert await dropped_lines(gateway) == 0  # the queue has room for so few
    assert await dropped_lines(predictor) > 0  # but not for what its model prints
    await restart_and_drain(gateway, predictor, processes)


@pytest.mark.parametrize("leaves", [True, False], ids=["has gone", "stands still"])
async def test_make_up_whose_reader_reads_no_more_starts_serves_and_drains(
    cluster: Cluster, tmp_path: Path, readers: list[Reader], leaves: bool
) -> None:
    (tmp_path / "my_models.py").write_text(PRINTING)
    reader = readers[0]
    cluster.redirect = reader.redirect
    up = cluster.gateway_as(
        "predictmq.local.up",
        GATEWAY_WORKERS="2",
        PREDICTOR_MODEL="demo=my_models:predict",
        PYTHONPATH=str(tmp_path),
    )
    await reader.read()
    if leaves:
        reader.leave()
    await up.ready()
    async with alive(up), client(up.url) as http:
        await answer_all(http, CALLS)
    await drain(up)


@pytest.mark.parametrize(
    ("module", "settings"),
    [
        ("gateway", {"GATEWAY_WORKERS": "many"}),
        ("gateway", {"RABBITMQ_DEFAULT_PASS": "wrong"}),
        ("gateway", {"RABBITMQ_DEFAULT_PASS": "wrong", "GATEWAY_WORKERS": "2"}),
        ("predictor_service", {"PREDICTOR_CONCURRENCY": "many"}),
        ("predictor_service", {"PREDICTOR_MODEL": "nowhere:model"}),
        ("predictmq.local.up", {"PREDICTORS": "many"}),
    ],
)
async def test_settings_that_cannot_be_used_are_the_exit_code_also_where_no_sentence_can_be_written(
    cluster: Cluster, module: str, settings: dict[str, str]
) -> None:
    services = []
    for cluster.redirect in UNWRITABLE.values():
        services.append(cluster.gateway_as(module, **settings))
    for service in services:
        assert await service.exit_code(timeout_s=20) == 2
