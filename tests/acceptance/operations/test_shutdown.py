"""P8: SIGTERM loses nothing. CI runs this file on the oldest and the newest Python."""

import asyncio
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

from tests.support.harness.calls import accepted, client, final, held_by_a_busy_predictor
from tests.support.harness.services import Cluster
from tests.support.harness.waiting import until
from tests.support.models.scripted import SCRIPTED

CALLERS: Final = 16
SLOW_TO_LOAD: Final = dedent("""
    import time

    class Slow:
        def __init__(self):
            print("weights are being read", flush=True)
            time.sleep(60)

        def predict(self, input):
            return input
""")


async def test_a_gateway_answers_accepted_calls_before_it_ends(cluster: Cluster) -> None:
    gateway, predictor = cluster.gateway(DEFAULT_MODEL="scripted"), cluster.predictor(**SCRIPTED)
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        calls = [
            asyncio.create_task(http.post("/predict", json={"input": {"nonce": n, "sleep_s": 0.1}}))
            for n in range(CALLERS)
        ]
        await gateway.reads(f"predictmq_pending_calls {CALLERS}.0")
        gateway.terminate()
        await gateway.shows("/readyz", 503)
        refused = await http.post("/predict", json={"input": {"nonce": "too late"}})
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert refused.headers["connection"] == "close"
        answers = await asyncio.gather(*calls)
    assert [answer.json()["result"] for answer in answers] == list(range(CALLERS))
    assert await gateway.exit_code(timeout_s=10) == 0


async def test_a_predictor_that_ends_finishes_running_requests_and_requeues_the_rest_at_once(
    cluster: Cluster,
) -> None:
    gateway, leaving = cluster.gateway(DEFAULT_MODEL="scripted"), cluster.predictor(**SCRIPTED)
    await gateway.ready()
    await leaving.ready()
    async with client(gateway.url) as http:
        busy = await held_by_a_busy_predictor(http, leaving, {"nonce": "busy", "sleep_s": 6})
        held = asyncio.create_task(http.post("/predict", json={"input": {"nonce": "held"}}))
        await gateway.reads("predictmq_pending_calls 1.0")
        staying = cluster.predictor(**SCRIPTED)
        await staying.ready()
        leaving.terminate()
        assert (await held).json()["result"] == "held"
        assert leaving.is_running
        assert (await final(http, busy)).json()["output"]["result"] == "busy"
    assert await leaving.exit_code(timeout_s=10) == 0


async def test_a_new_call_is_refused_while_the_only_predictor_finishes_a_running_one(
    cluster: Cluster,
) -> None:
    gateway, leaving = cluster.gateway(DEFAULT_MODEL="scripted"), cluster.predictor(**SCRIPTED)
    await gateway.ready()
    await leaving.ready()
    async with client(gateway.url) as http:
        script = {"nonce": "running", "sleep_s": 8}
        running = asyncio.create_task(http.post("/predict", json={"input": script}))
        await leaving.reads("predictmq_model_calls_running 1.0")
        leaving.terminate()
        async with asyncio.timeout(4):
            await leaving.shows("/readyz", 503)
            refused = await http.post("/predict", json={"input": {"nonce": "late"}})
        assert refused.status_code == 503
        assert "No predictor serves model 'scripted'" in refused.json()["error"]
        assert not running.done()
        assert (await running).json()["result"] == "running"
    assert await leaving.exit_code(timeout_s=10) == 0


async def test_a_predictor_whose_model_does_not_end_exits_after_its_drain_time(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL="scripted")
    stuck = cluster.predictor(**SCRIPTED, PREDICTOR_DRAIN_S="0.5")
    await gateway.ready()
    await stuck.ready()
    async with client(gateway.url) as http:
        prediction_id = await accepted(http, {"nonce": 1, "sleep_s": 20})
        await stuck.reads("predictmq_model_calls_running 1.0")
        stuck.terminate()
        assert await stuck.exit_code(timeout_s=10) == 0
        assert (await http.get(f"/predict/{prediction_id}")).status_code == 202


@pytest.mark.parametrize("isolation", ["process", "thread"])
async def test_a_predictor_that_is_still_loading_its_model_ends_at_once(
    cluster: Cluster, tmp_path: Path, isolation: str
) -> None:
    (tmp_path / "my_models.py").write_text(SLOW_TO_LOAD)
    loading = cluster.predictor_in(
        tmp_path, PREDICTOR_MODEL="slow=my_models:Slow", PREDICTOR_ISOLATION=isolation
    )

    async def is_loading() -> bool:
        return "weights are being read" in loading.log

    await until(is_loading, lambda: f"the model loads\n{loading.log}")
    workers = loading.children()
    loading.terminate()
    assert await loading.exit_code(timeout_s=10) == 0
    for worker in workers:
        await loading.gone(worker)
    assert "Traceback" not in loading.log
