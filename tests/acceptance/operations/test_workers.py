"""Several gateways behind one port: ``GATEWAY_WORKERS``."""

import asyncio
import os
import signal
import socket
from itertools import cycle
from pathlib import Path
from typing import Final

import httpx
import pytest

from predictmq.local.ports import LOOPBACK, free_port
from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.acceptance.operations.load import PREDICT, Load, get
from tests.support.harness.calls import accepted, client, final
from tests.support.harness.metrics import read_samples
from tests.support.harness.proxy import Proxy
from tests.support.harness.services import Cluster, Service
from tests.support.harness.waiting import until
from tests.support.models.scripted import SCRIPTED

TWO: Final = {"GATEWAY_WORKERS": "2"}
CALLERS: Final = 16
SOME: Final = 10 * CALLERS
FINISHED: Final = 300


async def says(gateway: Service, event: str, times: int) -> None:
    """Wait until the log of the gateway has ``event`` so many times."""

    async def does() -> bool:
        return gateway.log.count(f'"event":"{event}"') >= times

    await until(does, lambda: f"{event} {times} times\n{gateway.log}")


async def two_workers(cluster: Cluster, **settings: str) -> Service:
    """Start a gateway of two workers; returns it when both accept connections."""
    gateway = cluster.gateway(**TWO, **settings)
    await says(gateway, "listening", 2)
    return gateway


async def refuses(gateway: Service, error: type[Exception]) -> None:
    """Check that a new connection to the gateway ends in ``error``."""
    async with client(gateway.url) as http:
        with pytest.raises(error):
            await http.get("/livez")


async def all_gone(gateway: Service, workers: list[int]) -> None:
    """Wait until the workers have ended, and nobody listens any more."""
    for worker in workers:
        await gateway.gone(worker)
    await refuses(gateway, httpx.ConnectError)


async def test_a_worker_that_starts_says_of_no_finished_prediction_that_it_is_pending(
    cluster: Cluster,
) -> None:
    predictor = cluster.predictor()
    gateway = await two_workers(cluster)
    await predictor.ready()
    async with client(gateway.url) as http:
        ids = await asyncio.gather(*(accepted(http, number) for number in range(FINISHED)))
        await asyncio.gather(*(final(http, each) for each in ids))
    load, paths = Load(gateway.url), cycle(get(f"/predict/{each}") for each in ids)
    async with load.of(lambda: next(paths), connecting=CALLERS):
        for worker in gateway.children():
            listening = gateway.log.count('"event":"listening"')
            os.kill(worker, signal.SIGKILL)
            await says(gateway, "listening", listening + 1)
            await load.grows(SOME)
    assert 202 not in load.endings
    assert load.endings[200] >= load.endings.total() - 2 * CALLERS


async def test_no_call_fails_when_workers_are_restarted_one_by_one(cluster: Cluster) -> None:
    predictor = cluster.predictor(PREDICTOR_CONCURRENCY="8")
    gateway = await two_workers(cluster)
    await predictor.ready()
    load = Load(gateway.url)
    async with load.of(lambda: PREDICT, connecting=CALLERS, connected=CALLERS):
        for worker in gateway.children():
            await load.grows(SOME)
            listening = gateway.log.count('"event":"listening"')
            os.kill(worker, signal.SIGTERM)
            await gateway.gone(worker)
            await says(gateway, "listening", listening + 1)
        await load.grows(SOME)
    assert set(load.endings) == {200}
    assert gateway.log.count('"event":"leaving the port"') == 2
    assert '"event":"draining"' not in gateway.log


async def test_a_killed_worker_fails_at_most_its_calls_and_comes_back(cluster: Cluster) -> None:
    predictor = cluster.predictor(PREDICTOR_CONCURRENCY="8")
    gateway = await two_workers(cluster)
    await predictor.ready()
    load = Load(gateway.url)
    async with load.of(lambda: PREDICT, connecting=CALLERS):
        await load.grows(SOME)
        victim, _ = gateway.children()
        os.kill(victim, signal.SIGKILL)
        await load.grows(SOME)
        await says(gateway, "listening", 3)
        await load.grows(SOME)
    assert load.endings[200] >= load.endings.total() - CALLERS
    assert victim not in gateway.children()
    assert len(gateway.children()) == 2


async def test_sigterm_to_the_supervisor_answers_what_was_accepted_and_ends_every_process(
    cluster: Cluster,
) -> None:
    predictor = cluster.predictor(**SCRIPTED, PREDICTOR_CONCURRENCY=str(CALLERS))
    gateway = await two_workers(cluster, DEFAULT_MODEL="scripted")
    await predictor.ready()
    workers = gateway.children()
    calls = [asyncio.create_task(_call(gateway, number, sleep_s=2)) for number in range(CALLERS)]
    await predictor.reads(f"predictmq_model_calls_running {CALLERS}.0")
    gateway.terminate()
    await gateway.shows("/readyz", 503)
    async with client(gateway.url) as http:
        refused = await http.post("/predict", json={"input": {"nonce": "too late"}})
    assert (refused.status_code, refused.headers["connection"]) == (503, "close")
    assert [await call for call in calls] == list(range(CALLERS))
    assert await gateway.exit_code(timeout_s=10) == 0
    await all_gone(gateway, workers)


async def test_sigterm_to_all_processes_at_once_is_one_to_the_supervisor(cluster: Cluster) -> None:
    gateway = await two_workers(cluster)
    workers = gateway.children()
    for process in (*workers, gateway.pid):
        os.kill(process, signal.SIGTERM)
    assert await gateway.exit_code(timeout_s=10) == 0
    assert gateway.log.count('"event":"draining"') == 2
    await all_gone(gateway, workers)


async def test_no_worker_outlives_a_killed_supervisor(cluster: Cluster) -> None:
    predictor = cluster.predictor(**SCRIPTED)
    gateway = await two_workers(cluster, DEFAULT_MODEL="scripted")
    await predictor.ready()
    workers = gateway.children()
    arguments = Path(f"/proc/{workers[0]}/cmdline").read_text().split("\0")  # noqa: ASYNC240 - in memory
    (directory,) = (Path(each) for each in arguments if "predictmq-" in each)
    assert directory.stat().st_mode & 0o777 == 0o700
    call = asyncio.create_task(_call(gateway, 7, sleep_s=1))
    await predictor.reads("predictmq_model_calls_running 1.0")
    gateway.kill()
    assert await call == 7
    await all_gone(gateway, workers)
    assert not directory.exists()


async def test_each_worker_shows_the_metrics_of_all(cluster: Cluster) -> None:
    gateway = await two_workers(cluster)
    up = {await _workers_up(gateway) for _ in range(CALLERS)}
    assert up == {frozenset({("1", 1.0), ("2", 1.0)})}
    samples = await read_samples(gateway)
    for name in ("predictmq_pending_calls", "process_resident_memory_bytes", "predictmq_tasks"):
        assert {each.labels["worker"] for each in samples if each.name == name} == {"1", "2"}


async def test_a_worker_that_stands_still_is_left_out_of_the_metrics_and_takes_no_calls(
    cluster: Cluster,
) -> None:
    gateway = await two_workers(cluster)
    still, _ = gateway.children()
    os.kill(still, signal.SIGSTOP)
    try:
        up = dict(await _workers_up(gateway))
        assert sorted(up.values()) == [0.0, 1.0]
        (number,) = (number for number, is_up in up.items() if not is_up)
        assert not [
            each
            for each in await read_samples(gateway)
            if each.labels.get("worker") == number and each.name != "predictmq_worker_up"
        ]
    finally:
        os.kill(still, signal.SIGCONT)


async def test_without_a_broker_no_worker_listens_and_each_says_why(cluster: Cluster) -> None:
    nobody = str(free_port())
    gateway = cluster.gateway(**TWO, RABBITMQ_PORT=nobody)
    await says(gateway, "catching up", 2)
    assert "broker connected" in gateway.log
    await refuses(gateway, httpx.ConnectError)
    workers = gateway.children()
    gateway.terminate()
    assert await gateway.exit_code(timeout_s=10) == 0
    await all_gone(gateway, workers)


async def test_clients_are_refused_while_workers_restart_without_a_broker(
    cluster: Cluster, broker: PrivateBroker
) -> None:
    async with Proxy(broker.host, broker.port) as proxy:
        gateway = await two_workers(cluster, RABBITMQ_PORT=str(proxy.port))
    await gateway.shows("/readyz", 503)  # they go on listening
    for worker in gateway.children():
        os.kill(worker, signal.SIGKILL)
    await refuses(gateway, httpx.NetworkError)  # not a timeout
    await says(gateway, "catching up", 4)
    await refuses(gateway, httpx.ConnectError)


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("GATEWAY_WORKERS", "0", "GATEWAY_WORKERS: expected a whole number from 1 to 64"),
        ("GATEWAY_WORKERS", "65", "GATEWAY_WORKERS: expected a whole number from 1 to 64"),
        ("GATEWAY_WORKERS", "many", "GATEWAY_WORKERS: expected a whole number from 1 to 64"),
        ("RABBITMQ_PORT", "0", "RABBITMQ_PORT: expected a whole number from 1 to 65535"),
        ("RABBITMQ_DEFAULT_PASS", "wrong", "check RABBITMQ_DEFAULT_USER"),
    ],
)
async def test_settings_that_cannot_be_used_end_it_with_one_sentence(
    cluster: Cluster, setting: str, value: str, sentence: str
) -> None:
    gateway = cluster.gateway(**TWO | {setting: value})
    assert await gateway.exit_code(timeout_s=20) == 2
    said = [line for line in gateway.log.splitlines() if not line.startswith("{")]
    assert len(said) == 1, gateway.log
    assert said[0].startswith("gateway: ")
    assert sentence in said[0]


async def test_a_port_that_is_taken_ends_it_with_one_sentence(cluster: Cluster) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        gateway = cluster.gateway(**TWO, GATEWAY_BIND=f"{LOOPBACK}:{server.getsockname()[1]}")
        assert await gateway.exit_code(timeout_s=20) == 2
    assert gateway.log.count("cannot listen on") == 1
    assert not gateway.log.count("Traceback")


async def test_a_directory_that_no_socket_fits_into_ends_it_with_one_sentence(
    cluster: Cluster, tmp_path: Path
) -> None:
    too_long = tmp_path / (100 * "x")
    too_long.mkdir()
    gateway = cluster.gateway(**TWO, TMPDIR=str(too_long))
    assert await gateway.exit_code(timeout_s=20) == 2
    assert "is too long for sockets: set TMPDIR." in gateway.log
    assert not list(too_long.iterdir())


async def _call(gateway: Service, number: int, sleep_s: float) -> int:
    """Call on a new connection; returns the result."""
    async with client(gateway.url) as http:
        answer = await http.post("/predict", json={"input": {"nonce": number, "sleep_s": sleep_s}})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["result"])


async def _workers_up(gateway: Service) -> frozenset[tuple[str, float]]:
    samples = await read_samples(gateway)
    return frozenset(
        (each.labels["worker"], each.value)
        for each in samples
        if each.name == "predictmq_worker_up"
    )
