"""Isolation: a faulty model call costs its own request and no other."""

import asyncio
import time
from typing import Final

import httpx

from tests.support.harness.calls import accepted, client, final
from tests.support.harness.services import Cluster
from tests.support.models.scripted import SCRIPTED

PROCESS: Final = SCRIPTED | {"PREDICTOR_ISOLATION": "process"}
LOCK_S: Final = 35
"""More than the 33 s after which either side of a connection takes a silent peer for gone."""


async def _call(http: httpx.AsyncClient, script: dict[str, object]) -> httpx.Response:
    return await http.post("/predict", json={"input": script})


async def test_a_model_that_crashes_its_process_fails_only_its_own_request(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL="scripted")
    predictor = cluster.predictor(**PROCESS, PREDICTOR_CONCURRENCY="2", PREDICTOR_MAX_BATCH="4")
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        before = [asyncio.create_task(_call(http, {"nonce": n})) for n in range(100)]
        bad = [
            asyncio.create_task(_call(http, {"nonce": "bad", "then": then}))
            for then in ("read memory that is not ours", "die")
        ]
        after = [asyncio.create_task(_call(http, {"nonce": n})) for n in range(100, 200)]
        answers = await asyncio.gather(*before, *after)
        assert [answer.json()["result"] for answer in answers] == list(range(200))
        for answer in await asyncio.gather(*bad):
            assert answer.status_code == 502
            assert answer.text == '{"error": "The prediction ended the process that ran it."}'
        later = await accepted(http, {"nonce": "bad", "then": "die"})
        assert (await final(http, later)).status_code == 502
    assert predictor.is_running


async def test_an_overdue_model_call_in_a_process_is_killed_and_the_predictor_goes_on(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL="scripted")
    predictor = cluster.predictor(**PROCESS, PREDICTOR_TIMEOUT_S="1")
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        answer = await _call(http, {"nonce": 1, "sleep_s": 300})
        assert answer.status_code == 500
        assert answer.text == '{"error": "The model took longer than the 1 s it may take."}'
        assert (await _call(http, {"nonce": 2})).json()["result"] == 2
    predictor.terminate()
    assert await predictor.exit_code(timeout_s=10) == 0


async def test_an_overdue_model_call_in_a_thread_fails_and_ends_its_predictor(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL="scripted")
    predictor = cluster.predictor(**SCRIPTED, PREDICTOR_TIMEOUT_S="2")
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        overdue = asyncio.create_task(_call(http, {"nonce": 1, "sleep_s": 300}))
        await predictor.reads("predictmq_model_calls_running 1.0")
        waiting = [await accepted(http, {"nonce": n}) for n in range(5)]
        assert (await overdue).status_code == 500
        assert await predictor.exit_code(timeout_s=10) == 1
        predictor.start()
        for n, prediction_id in enumerate(waiting):
            assert (await final(http, prediction_id)).json()["output"]["result"] == n


async def test_heartbeats_go_on_while_a_model_holds_the_interpreter_lock(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL="scripted", GATEWAY_SYNC_TIMEOUT_S="90")
    predictor = cluster.predictor(**PROCESS)
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        script = {"nonce": 1, "then": "hold the interpreter lock", "lock_s": LOCK_S}
        started_s = time.monotonic()
        answer = await _call(http, script)
        assert time.monotonic() - started_s >= LOCK_S
        assert answer.json()["result"] == 1
    await predictor.reads('predictmq_predictions_total{outcome="succeeded"} 1.0')
    await predictor.reads('predictmq_broker_reconnects_total{connection="consumer"} 0.0')
    await predictor.reads('predictmq_broker_reconnects_total{connection="publisher"} 0.0')


async def test_worker_processes_of_a_killed_predictor_end(cluster: Cluster) -> None:
    predictor = cluster.predictor(**PROCESS)
    await predictor.ready()
    children = predictor.children()
    assert children
    predictor.kill()
    for child in children:
        await predictor.gone(child)


async def test_a_model_that_exits_or_raises_an_unencodable_error_fails_only_its_own_call(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL="scripted")
    predictor = cluster.predictor(**SCRIPTED)
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        assert (await _call(http, {"nonce": 1, "then": "exit"})).status_code == 500
        unsayable = await _call(
            http, {"nonce": 2, "then": "refuse in words that cannot be encoded"}
        )
        assert unsayable.status_code == 422
        assert (await _call(http, {"nonce": 3})).json()["result"] == 3
    assert predictor.is_running
