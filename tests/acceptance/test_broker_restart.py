"""P6: a broker restart fails no sync call that has time left."""

import asyncio
from pathlib import Path

from tests.local.broker import PrivateBroker
from tests.support.calls import accepted, client, final
from tests.support.models import SCRIPTED
from tests.support.services import Cluster


async def test_a_killed_broker_fails_no_call_and_loses_no_prediction(tmp_path: Path) -> None:
    with (
        PrivateBroker(tmp_path / "rabbitmq") as broker,
        Cluster(broker, tmp_path, vhost="/") as cluster,
    ):
        gateway = cluster.gateway(DEFAULT_MODEL="scripted")
        predictor = cluster.predictor(**SCRIPTED, PREDICTOR_CONCURRENCY="4")
        await gateway.ready()
        await predictor.ready()
        async with client(gateway.url) as http:
            ids = [await accepted(http, {"nonce": n, "sleep_s": 0.2}) for n in range(20)]
            calls = [
                asyncio.create_task(
                    http.post("/predict", json={"input": {"nonce": n, "sleep_s": 0.5}})
                )
                for n in range(16)
            ]
            await gateway.reads("predictmq_pending_calls 16.0")
            await asyncio.to_thread(broker.write_tables)
            await asyncio.to_thread(broker.kill)
            await gateway.shows("/readyz", 503)
            await asyncio.to_thread(broker.start)
            answers = await asyncio.gather(*calls)
            assert [answer.status_code for answer in answers] == [200] * 16
            assert [answer.json()["result"] for answer in answers] == list(range(16))
            results = [(await final(http, i)).json()["output"]["result"] for i in ids]
            assert results == list(range(20))
        await gateway.ready()
        assert "Traceback" not in gateway.log + predictor.log


async def test_services_wait_for_a_broker_that_comes_later(tmp_path: Path) -> None:
    broker = PrivateBroker(tmp_path / "rabbitmq")
    with Cluster(broker, tmp_path, vhost="/") as cluster:
        gateway, predictor = cluster.gateway(), cluster.predictor()
        await gateway.shows("/livez", 200)
        await gateway.shows("/readyz", 503)
        async with client(gateway.url) as http:
            refused = await http.post("/predict", json={"input": 1})
            assert refused.status_code == 503
            assert refused.headers["retry-after"]
            with broker:
                await gateway.ready()
                await predictor.ready()
                assert (await http.post("/predict", json={"input": 1})).status_code == 200
