"""The addresses that a gateway listens on, and the names that it responds for."""

import os
import signal
from functools import partial
from typing import Final

import httpx
import pytest

from predictmq.local.ports import LOOPBACK, free_port
from tests.support.harness.calls import client
from tests.support.harness.services import Cluster, Service
from tests.support.harness.waiting import until

PROBLEM: Final = {"Accept": "application/problem+json"}


async def open_at(gateway: Service, *urls: str) -> None:
    """Wait until the gateway responds at each of ``urls``."""

    async def responds() -> bool:
        async with client("") as http:
            try:
                return {(await http.get(f"{url}/livez")).status_code for url in urls} == {200}
            except httpx.TransportError:
                return False

    await until(responds, lambda: f"{urls} respond\n{gateway.log}")


async def refused_at(*urls: str) -> None:
    """Check that nobody listens at ``urls``."""
    async with client("") as http:
        for url in urls:
            with pytest.raises(httpx.ConnectError):
                await http.get(f"{url}/livez")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("bind", [f"{LOOPBACK}:{{0}},[::1]:{{1}}", "*:{0}", "[::1]:{1} , *:{0}"])
async def test_a_gateway_serves_and_leaves_every_address(
    cluster: Cluster, bind: str, workers: str
) -> None:
    ports = free_port(), free_port()
    last = ports[0] if bind == "*:{0}" else ports[1]
    urls = f"http://{LOOPBACK}:{ports[0]}", f"http://[::1]:{last}"
    gateway = cluster.gateway(GATEWAY_BIND=bind.format(*ports), GATEWAY_WORKERS=workers)
    await open_at(gateway, *urls)
    gateway.terminate()
    assert await gateway.exit_code(timeout_s=20) == 0, gateway.log
    await refused_at(*urls)


async def test_a_worker_that_is_restarted_serves_every_address_again(cluster: Cluster) -> None:
    ports = free_port(), free_port()
    urls = [f"http://{LOOPBACK}:{port}" for port in ports]
    bind = ",".join(f"{LOOPBACK}:{port}" for port in ports)
    gateway = cluster.gateway(GATEWAY_BIND=bind, GATEWAY_WORKERS="2")
    await until(lambda: _listened(gateway, 2), lambda: gateway.log)
    for times, worker in enumerate(gateway.children(), start=3):
        os.kill(worker, signal.SIGTERM)
        await until(partial(_listened, gateway, times), lambda: gateway.log)
        await open_at(gateway, *urls)


async def test_one_address_that_is_taken_ends_it_with_one_sentence(cluster: Cluster) -> None:
    other = cluster.gateway()
    await open_at(other, other.url)
    taken = other.url.removeprefix("http://")
    gateway = cluster.gateway(GATEWAY_BIND=f"{LOOPBACK}:{free_port()},{taken}")
    assert await gateway.exit_code(timeout_s=20) == 2
    assert f"cannot listen on {taken}: Address already in use" in gateway.log
    assert "Traceback" not in gateway.log


async def test_a_page_of_another_domain_gets_nothing_of_a_gateway_on_the_loopback(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway()
    await open_at(gateway, gateway.url)
    port = gateway.url.rpartition(":")[2]
    async with client(gateway.url) as http:
        for path in ("/predict/x", "/models", "/metrics", "/livez", "/docs", "/nowhere"):
            rebound = {"Host": f"evil.example:{port}", **PROBLEM}
            answer = await http.get(path, headers=rebound)
            assert (answer.status_code, answer.json()["code"]) == (421, "misdirected_request")
            assert answer.headers["Content-Type"] == "application/problem+json"
        for host in ("localhost", f"LOCALHOST:{port}", "[::1]:1", "127.0.0.1"):
            assert (await http.get("/livez", headers={"Host": host})).status_code == 200


async def test_the_hosts_that_are_set_are_allowed_and_no_other(cluster: Cluster) -> None:
    gateway = cluster.gateway(GATEWAY_ALLOWED_HOSTS="api.example,10.0.0.5", GATEWAY_WORKERS="2")
    await open_at(gateway, gateway.url)
    async with client(gateway.url) as http:
        for host, status in {"api.example": 200, "10.0.0.5:80": 200, "evil.example": 421}.items():
            assert (await http.get("/livez", headers={"Host": host})).status_code == status


async def test_a_gateway_on_every_address_allows_any_host(cluster: Cluster) -> None:
    gateway = cluster.gateway(GATEWAY_BIND=f"*:{free_port()}")
    await open_at(gateway, gateway.url)
    async with client(gateway.url) as http:
        assert (await http.get("/livez", headers={"Host": "any.example"})).status_code == 200


async def _listened(gateway: Service, times: int) -> bool:
    return gateway.log.count('"event":"listening"') >= times
