"""P3 and P7 while the broker is full or away."""

import asyncio
import time
from pathlib import Path

import aio_pika
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import DeliveryError

from common.topology import async_queue, sync_queue
from tests.local.broker import PrivateBroker
from tests.support.calls import ASYNC, accepted, client
from tests.support.models import SCRIPTED
from tests.support.raw import raw_channel
from tests.support.services import Cluster, new_vhost
from tests.support.waiting import until

LIMIT = '{"max-length": 2}'


async def _fill(channel: AbstractChannel, queue: str) -> None:
    """Publish until the queue refuses: a quorum queue takes some more than its limit."""

    async def refused() -> bool:
        try:
            await channel.default_exchange.publish(aio_pika.Message(b"", expiration=60), queue)
        except DeliveryError:
            return True
        return False

    await until(refused, lambda: f"{queue} is full")


async def test_a_full_queue_refuses_sync_and_async_calls_at_once(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    vhost = new_vhost(broker)
    await asyncio.to_thread(broker.ctl, "set_policy", "--vhost", vhost, "small", ".*", LIMIT)
    with Cluster(broker, tmp_path, vhost) as cluster:
        gateway = cluster.gateway(DEFAULT_MODEL="scripted")
        predictor = cluster.predictor(**SCRIPTED)
        await gateway.ready()
        await predictor.ready()
        async with client(gateway.url) as http, raw_channel(broker, vhost) as channel:
            await accepted(http, {"nonce": "keeps it busy", "sleep_s": 60})
            await predictor.reads("predictmq_prefetch 0.0")
            for queue, headers in ((sync_queue("scripted"), {}), (async_queue("scripted"), ASYNC)):
                await _fill(channel, queue)
                started_s = time.monotonic()
                answer = await http.post("/predict", json={"input": 1}, headers=headers)
                assert (answer.status_code, answer.text) == (503, '{"error": "The queue is full."}')
                assert answer.headers["retry-after"]
                assert time.monotonic() - started_s < 5
            await (await channel.get_queue(async_queue("scripted"))).purge()
            await accepted(http, 1)


async def test_while_the_broker_is_away_a_call_waits_5_s_or_until_its_deadline(
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
