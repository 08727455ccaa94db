"""A permission that an operator takes away while the services run, and gives back."""

import asyncio
from pathlib import Path

import httpx

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.broker.server import NO_MESSAGES, permit
from tests.support.harness.calls import client
from tests.support.harness.services import Cluster, new_vhost
from tests.support.harness.waiting import until


async def test_a_gateway_without_permission_to_publish_is_not_ready_and_recovers(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    vhost = new_vhost(broker)
    await asyncio.to_thread(permit, broker, vhost, writing_to=NO_MESSAGES)
    with Cluster(broker, tmp_path, vhost) as cluster:
        gateway = cluster.gateway(GATEWAY_SYNC_TIMEOUT_S="5")
        async with client(gateway.url) as http:
            await gateway.shows("/readyz", 503)
            await _misses(http, ["journal caught up"])  # its marker was refused
            answer = await http.post("/predict", json={"input": 1})
            assert answer.status_code == 503, answer.text
            assert broker.user not in answer.text
            await asyncio.to_thread(permit, broker, vhost)
            await gateway.ready()
            assert gateway.is_running


async def _misses(http: httpx.AsyncClient, names: list[str]) -> None:
    """Wait until ``/readyz`` names exactly these as missing."""

    async def does() -> bool:
        answer = await http.get("/readyz")
        return answer.status_code == 503 and answer.json()["missing"] == names

    await until(does, lambda: f"/readyz misses {names}")
