"""P3 while the broker is away."""

import asyncio
import time
from pathlib import Path

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.calls import client
from tests.support.harness.services import Cluster


async def test_a_call_waits_for_a_lost_broker_for_5_s_or_until_its_deadline(
    tmp_path: Path,
) -> None:
    with Cluster(PrivateBroker(tmp_path / "never started"), tmp_path, vhost="/") as cluster:
        hasty, patient = cluster.gateway(GATEWAY_SYNC_TIMEOUT_S="1"), cluster.gateway()
        for gateway in (hasty, patient):
            await gateway.shows("/readyz", 503)

        async def waited_s(url: str) -> float:
            async with client(url) as http:
                started_s = time.monotonic()
                answer = await http.post("/predict", json={"input": 1})
                assert answer.status_code == 503
                return time.monotonic() - started_s

        short_s, long_s = await asyncio.gather(waited_s(hasty.url), waited_s(patient.url))
    assert 0.9 < short_s < 2
    assert 4.9 < long_s < 8
