"""P7 and P10: overload is refused at once, and what was accepted is served."""

import asyncio

from tests.support.calls import client
from tests.support.services import Cluster

SCRIPTED = {"PREDICTOR_MODEL": "scripted=tests.support.models:Scripted"}


async def test_one_call_too_many_is_refused_and_the_others_are_answered(cluster: Cluster) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL="scripted", GATEWAY_MAX_IN_FLIGHT="4")
    predictor = cluster.predictor(**SCRIPTED, PREDICTOR_CONCURRENCY="4")
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        script = {"input": {"nonce": 1, "sleep_s": 1}}
        accepted = [asyncio.create_task(http.post("/predict", json=script)) for _ in range(4)]
        await gateway.reads("predictmq_pending_calls 4.0")
        refused = await http.post("/predict", json=script)
        assert refused.status_code == 503
        assert refused.text == ('{"error": "Too many predictions are under way; try again later."}')
        assert refused.headers["retry-after"] == "1"
        assert [answer.status_code for answer in await asyncio.gather(*accepted)] == [200] * 4
    await gateway.reads("predictmq_pending_calls 0.0")


async def test_bodies_under_way_are_bounded_in_bytes(cluster: Cluster) -> None:
    gateway = cluster.gateway(GATEWAY_MAX_IN_FLIGHT_BYTES="1000")
    predictor = cluster.predictor()
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        assert (await http.post("/predict", json={"input": "x" * 900})).status_code == 200
        assert (await http.post("/predict", json={"input": "x" * 1000})).status_code == 503


async def test_nothing_is_left_of_callers_who_leave(cluster: Cluster) -> None:
    gateway = cluster.gateway()
    await gateway.ready()
    async with client(gateway.url) as http:
        leaving = [
            asyncio.create_task(http.post("/predict", json={"input": n})) for n in range(100)
        ]
        await gateway.reads("predictmq_pending_calls 100.0")
        for call in leaving:
            call.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await gateway.reads("predictmq_pending_calls 0.0")
        await gateway.reads("predictmq_in_flight_bytes 0.0")
