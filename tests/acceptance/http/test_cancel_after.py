"""Cancel-After: a caller's own deadline, on time behind predictions with longer ones."""

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.support.harness.calls import ASYNC, accepted, client, final
from tests.support.harness.services import Cluster
from tests.support.models.scripted import SCRIPTED

PROCESS: Final = SCRIPTED | {"PREDICTOR_ISOLATION": "process"}
LONG_S: Final = 300
LATE: Final = (504, '{"error": "The prediction was not ready in time."}')
SLACK_S: Final = 3.0


async def _accepted(gateway: httpx.AsyncClient, value: Any, cancel_after: str) -> str:
    """Make an async call with a deadline; returns the id of the accepted prediction."""
    answer = await gateway.post(
        "/predict", json={"input": value}, headers=ASYNC | {"Cancel-After": cancel_after}
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["prediction_id"])


async def test_a_short_deadline_is_on_time_behind_predictions_with_longer_ones(
    cluster: Cluster, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    one, other = (cluster.gateway(DEFAULT_MODEL="scripted") for _ in range(2))
    await one.ready()
    await other.ready()
    async with client(one.url) as a, client(other.url) as b:
        before = await accepted(a, {"nonce": "before"})
        started_s = time.monotonic()
        short = await _accepted(a, {"nonce": "short"}, "2s")
        await one.reads("predictmq_deadlines 1.0")
        for gateway in (b, a):
            answer = await final(gateway, short)
            assert (answer.status_code, answer.text) == LATE
            assert 2 <= time.monotonic() - started_s < 2 + SLACK_S
        await one.reads("predictmq_deadlines 0.0")
        cluster.predictor(**SCRIPTED, RUNS_FILE=str(runs))
        for gateway in (b, a):
            assert (await final(gateway, before)).status_code == 200
            assert (await final(gateway, short)).text == LATE[1]
    assert runs.read_text().split() == ["before"]


async def test_a_running_model_call_is_stopped_at_its_callers_deadline(cluster: Cluster) -> None:
    one, other = (cluster.gateway(DEFAULT_MODEL="scripted") for _ in range(2))
    predictor = cluster.predictor(**PROCESS)
    for service in (one, other, predictor):
        await service.ready()
    async with client(one.url) as a, client(other.url) as b:
        later = await _accepted(a, {"nonce": 1, "sleep_s": LONG_S}, "2")
        assert (await final(b, later)).status_code == 504
        await predictor.reads('predictmq_predictions_total{outcome="cancelled"} 1.0')
        started_s = time.monotonic()
        now = await b.post(
            "/predict",
            json={"input": {"nonce": 2, "sleep_s": LONG_S}},
            headers={"Cancel-After": "1s"},
        )
        assert (now.status_code, now.text) == LATE
        assert 1 <= time.monotonic() - started_s < 1 + SLACK_S
        await predictor.reads('predictmq_predictions_total{outcome="cancelled"} 2.0')
        answer = await a.post("/predict", json={"input": {"nonce": 3}})
        assert answer.json()["result"] == 3


async def test_a_deadline_is_dropped_at_the_final_state(
    cluster: Cluster,
) -> None:
    one, other = (cluster.gateway() for _ in range(2))
    predictor = cluster.predictor()
    for service in (one, other, predictor):
        await service.ready()
    async with client(one.url) as a, client(other.url) as b:
        ids = await asyncio.gather(*(_accepted(a, number, "1h") for number in range(100)))
        ids.append(await _accepted(a, "short", "3s"))
        for prediction_id in ids:
            assert (await final(b, prediction_id)).status_code == 200
        await one.reads("predictmq_deadlines 0.0")
        over = await a.delete(f"/predict/{ids[-1]}")
        assert over.status_code == 409
        ids = [await _accepted(a, number, "1h") for number in range(20)]
        cancelled = await asyncio.gather(*(a.delete(f"/predict/{each}") for each in ids))
        assert {answer.status_code for answer in cancelled} <= {204, 409}
        await one.reads("predictmq_deadlines 0.0")


async def test_a_deadline_beyond_the_configured_one_is_capped(cluster: Cluster) -> None:
    gateway = cluster.gateway(
        DEFAULT_MODEL="scripted", GATEWAY_ASYNC_DEADLINE_S="2", GATEWAY_SYNC_TIMEOUT_S="1"
    )
    predictor = cluster.predictor(**SCRIPTED)
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        started_s = time.monotonic()
        sync = await http.post(
            "/predict",
            json={"input": {"nonce": 1, "sleep_s": 10}},
            headers={"Cancel-After": "1h"},
        )
        assert sync.status_code == 504
        assert time.monotonic() - started_s < 1 + SLACK_S
        started_s = time.monotonic()
        prediction_id = await _accepted(http, {"nonce": 2}, "1h30m")
        assert (await final(http, prediction_id)).status_code == 504
        assert time.monotonic() - started_s < 2 + SLACK_S


@pytest.mark.parametrize("headers", [{}, ASYNC])
async def test_a_deadline_that_is_no_duration_is_refused(
    cluster: Cluster, headers: dict[str, str]
) -> None:
    gateway = cluster.gateway()
    await gateway.ready()
    async with client(gateway.url) as http:
        for value in ("soon", "0", "-1", "1d", ""):
            answer = await http.post(
                "/predict",
                json={"input": 1},
                headers=headers | {"Cancel-After": value, "Accept": "application/problem+json"},
            )
            assert (answer.status_code, answer.json()["code"]) == (400, "malformed_header")
