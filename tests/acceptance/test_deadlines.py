"""P1 and P3: every call ends in time, and every accepted prediction ends."""

import asyncio
import time
from pathlib import Path

from tests.support.calls import accepted, client, final
from tests.support.models import SCRIPTED
from tests.support.services import Cluster


async def test_without_predictors_sync_ends_by_its_deadline_and_async_waits(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway(GATEWAY_SYNC_TIMEOUT_S="2")
    await gateway.ready()
    async with client(gateway.url) as http:
        started_s = time.monotonic()
        answer = await http.post("/predict", json={"input": 1})
        assert answer.status_code == 504
        assert time.monotonic() - started_s < 2 + 1
        ids = await asyncio.gather(*(accepted(http, number) for number in range(500)))
        predictor = cluster.predictor()
        await predictor.ready()
        answers = [await final(http, prediction_id) for prediction_id in ids]
    assert [answer.json()["output"]["input"] for answer in answers] == list(range(500))


async def test_an_async_prediction_that_nobody_starts_expires_by_itself(cluster: Cluster) -> None:
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
        slow = http.post("/predict", json={"input": {"nonce": "slow", "sleep_s": 4}})
        await asyncio.gather(slow, http.post("/predict", json={"input": {"nonce": "late"}}))
        after = await accepted(http, {"nonce": "after"})
        assert (await final(http, after)).status_code == 200
    assert "late" not in runs.read_text()
