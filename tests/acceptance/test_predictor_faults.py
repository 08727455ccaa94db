"""P5: a predictor that dies loses nothing, and a request that kills predictors ends."""

import asyncio
from pathlib import Path

import pytest

from tests.support.calls import accepted, client, final
from tests.support.models import SCRIPTED
from tests.support.services import Cluster, Service


async def _keep_alive(predictor: Service) -> None:
    """Start a predictor again whenever it ends, as a supervisor would."""
    while True:
        await predictor.exit_code(timeout_s=120)
        predictor.start()


async def test_a_killed_predictors_request_is_answered_by_another(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL="scripted")
    first = cluster.predictor(**SCRIPTED)
    await gateway.ready()
    await first.ready()
    async with client(gateway.url) as http:
        script = {"nonce": 7, "sleep_s": 2}
        sync = asyncio.create_task(http.post("/predict", json={"input": script}))
        prediction_id = await accepted(http, script)
        await first.reads("predictmq_model_calls_running 1.0")
        first.kill()
        second = cluster.predictor(**SCRIPTED)
        await second.ready()
        assert (await sync).json() == {"input": script, "result": 7}
        assert (await final(http, prediction_id)).json()["output"]["result"] == 7


@pytest.mark.parametrize(("concurrency", "ahead"), [(1, 10), (4, 0), (4, 3)])
async def test_a_request_that_kills_every_predictor_ends_and_the_others_are_answered(
    cluster: Cluster, tmp_path: Path, concurrency: int, ahead: int
) -> None:
    runs = tmp_path / "runs"
    gateway = cluster.gateway(DEFAULT_MODEL="scripted")
    await gateway.ready()
    async with client(gateway.url) as http:
        before = [await accepted(http, {"nonce": n, "sleep_s": 0.05}) for n in range(ahead)]
        poison = await accepted(http, {"nonce": "poison", "then": "die"})
        after = [await accepted(http, {"nonce": n, "sleep_s": 0.05}) for n in range(10)]
        settings = SCRIPTED | {"PREDICTOR_CONCURRENCY": str(concurrency), "RUNS_FILE": str(runs)}
        predictors = [cluster.predictor(**settings) for _ in range(2)]
        supervisors = [asyncio.create_task(_keep_alive(predictor)) for predictor in predictors]
        answer = await final(http, poison)
        assert answer.status_code == 502
        assert answer.text == '{"error": "The prediction ended every predictor that tried it."}'
        for prediction_id in before + after:
            assert (await final(http, prediction_id)).status_code == 200
        sync = await http.post("/predict", json={"input": {"nonce": "sync"}})
        assert sync.status_code == 200
    for supervisor in supervisors:
        supervisor.cancel()
    await asyncio.gather(*supervisors, return_exceptions=True)
    assert 1 <= runs.read_text().split().count("poison") <= 4
