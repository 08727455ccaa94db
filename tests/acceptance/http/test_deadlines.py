"""P1 and P3: every call ends in time, and every accepted prediction ends."""

import asyncio
import time
from pathlib import Path

from tests.support.harness.calls import accepted, client, final, held_by_a_busy_predictor
from tests.support.harness.services import Cluster
from tests.support.harness.waiting import until
from tests.support.models.scripted import SCRIPTED


async def test_a_sync_call_without_predictors_is_refused_soon_and_an_async_one_waits(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway()
    await gateway.ready()
    async with client(gateway.url) as http:
        started_s = time.monotonic()
        answer = await http.post("/predict", json={"input": 1})
        assert answer.status_code == 503
        assert time.monotonic() - started_s < 5  # and not the 30 s of its deadline
        ids = await asyncio.gather(*(accepted(http, number) for number in range(500)))
        predictor = cluster.predictor()
        await predictor.ready()
        answers = [await final(http, prediction_id) for prediction_id in ids]
    assert [answer.json()["output"]["input"] for answer in answers] == list(range(500))


async def test_a_sync_call_ends_by_its_deadline_when_its_predictor_does_not_answer(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway(GATEWAY_SYNC_TIMEOUT_S="2", DEFAULT_MODEL="scripted")
    predictor = cluster.predictor(**SCRIPTED)
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        started_s = time.monotonic()
        answer = await http.post("/predict", json={"input": {"nonce": 1, "sleep_s": 20}})
        assert answer.status_code == 504
        assert time.monotonic() - started_s < 2 + 1


async def test_an_async_prediction_that_no_predictor_starts_expires(cluster: Cluster) -> None:
    gateway, other = (cluster.gateway(GATEWAY_ASYNC_DEADLINE_S="2") for _ in range(2))
    await gateway.ready()
    await other.ready()
    async with client(gateway.url) as a, client(other.url) as b:
        prediction_id = await accepted(a, 1)
        answer = await final(a, prediction_id, timeout_s=10)
        assert answer.status_code == 504
        assert answer.text == (
            '{"error": "No predictor started the prediction before its deadline."}'
        )
        assert (await final(b, prediction_id, timeout_s=5)).text == answer.text


async def test_a_request_is_not_run_after_its_deadline(cluster: Cluster, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    gateway = cluster.gateway(GATEWAY_SYNC_TIMEOUT_S="1", DEFAULT_MODEL="scripted")
    predictor = cluster.predictor(**SCRIPTED, RUNS_FILE=str(runs))
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        await held_by_a_busy_predictor(http, predictor, {"nonce": "slow", "sleep_s": 3})
        late = await http.post("/predict", json={"input": {"nonce": "late"}})
        assert late.status_code == 504
        # One that the broker had kept and let expire would not count here.
        await predictor.reads('predictmq_predictions_total{outcome="deadline_exceeded"} 1.0')
    assert "late" not in runs.read_text()


async def test_a_sync_call_does_not_wait_behind_a_long_async_one_while_a_predictor_is_idle(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL="scripted")
    predictors = [cluster.predictor(**SCRIPTED) for _ in range(2)]
    await gateway.ready()
    for predictor in predictors:
        await predictor.ready()
    async with client(gateway.url) as http:
        long = await accepted(http, {"nonce": "long", "sleep_s": 8})

        async def one_takes_no_more() -> bool:
            metrics = [
                (await http.get(f"{predictor.url}/metrics")).text for predictor in predictors
            ]
            return any("predictmq_prefetch 0.0" in text.splitlines() for text in metrics)

        await until(one_takes_no_more, lambda: "the busy predictor takes no more")
        for nonce in range(10):
            answer = await http.post("/predict", json={"input": {"nonce": nonce}})
            assert answer.json()["result"] == nonce
        assert (await http.get(f"/predict/{long}")).status_code == 202
        for predictor in predictors:
            predictor.kill()
