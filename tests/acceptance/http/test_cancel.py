"""Cancel: a prediction cancelled at one gateway is cancelled at all, and uses no predictor."""

import asyncio
from pathlib import Path
from typing import Any, Final

import httpx

from tests.support.harness.calls import accepted, client, final, held_by_a_busy_predictor
from tests.support.harness.services import Cluster, Service
from tests.support.models.scripted import SCRIPTED

CANCELLED: Final = '{"error": "Prediction was cancelled."}'
PROCESS: Final = SCRIPTED | {"PREDICTOR_ISOLATION": "process"}
LONG_S: Final = 300
ONE_CANCELLED: Final = 'predictmq_predictions_total{outcome="cancelled"} 1.0'


async def _gateways(cluster: Cluster) -> tuple[Service, Service]:
    one, other = (cluster.gateway(DEFAULT_MODEL="scripted") for _ in range(2))
    await one.ready()
    await other.ready()
    return one, other


async def _cancel(gateway: httpx.AsyncClient, prediction_id: str) -> httpx.Response:
    return await gateway.delete(f"/predict/{prediction_id}")


async def _assert_cancelled(prediction_id: str, *gateways: httpx.AsyncClient) -> None:
    for gateway in gateways:
        answer = await final(gateway, prediction_id)
        assert (answer.status_code, answer.text) == (410, CANCELLED)


async def test_a_request_held_by_a_predictor_is_cancelled_at_another_gateway_and_not_run(
    cluster: Cluster, tmp_path: Path
) -> None:
    runs, go_on = tmp_path / "runs", tmp_path / "go on"
    one, other = await _gateways(cluster)
    predictor = cluster.predictor(**SCRIPTED, RUNS_FILE=str(runs))
    await predictor.ready()
    async with client(one.url) as a, client(other.url) as b:
        busy = await held_by_a_busy_predictor(a, predictor, {"nonce": "busy", "until": str(go_on)})
        waiting = await accepted(a, {"nonce": "cancelled"})
        answer = await _cancel(b, waiting)
        assert (answer.status_code, answer.content) == (204, b"")
        await _assert_cancelled(waiting, b, a)
        assert (await a.get(f"/predict/{busy}")).status_code == 202
        go_on.touch()
        await predictor.reads(ONE_CANCELLED)
        assert (await final(b, busy)).status_code == 200
        await _assert_cancelled(waiting, b, a)
    assert "cancelled" not in runs.read_text()


async def test_a_request_in_the_queue_is_cancelled_without_any_predictor(
    cluster: Cluster,
) -> None:
    one, other = await _gateways(cluster)
    async with client(one.url) as a, client(other.url) as b:
        prediction_id = await accepted(a, {"nonce": 1})
        assert (await _cancel(b, prediction_id)).status_code == 204
        await _assert_cancelled(prediction_id, a, b)
        predictor = cluster.predictor(**SCRIPTED)  # it was not there to be told, and runs it
        await predictor.ready()
        await predictor.reads('predictmq_predictions_total{outcome="succeeded"} 1.0')
        await _assert_cancelled(prediction_id, a, b)
        await one.reads('predictmq_results_recorded_total{state="cancelled"} 1.0')


async def test_a_model_call_in_a_process_is_stopped_by_a_cancel_and_the_next_is_served(
    cluster: Cluster,
) -> None:
    one, other = await _gateways(cluster)
    predictor = cluster.predictor(**PROCESS)
    await predictor.ready()
    async with client(one.url) as a, client(other.url) as b:
        prediction_id = await accepted(a, {"nonce": 1, "sleep_s": LONG_S})
        await predictor.reads("predictmq_model_calls_running 1.0")
        assert (await _cancel(b, prediction_id)).status_code == 204
        await predictor.reads(ONE_CANCELLED)
        answer = await b.post("/predict", json={"input": {"nonce": 2}})
        assert answer.json()["result"] == 2
        await _assert_cancelled(prediction_id, a, b)


async def test_a_model_call_in_a_thread_runs_on_after_a_cancel_and_stays_cancelled(
    cluster: Cluster, tmp_path: Path
) -> None:
    go_on = tmp_path / "go on"
    one, other = await _gateways(cluster)
    predictor = cluster.predictor(**SCRIPTED)
    await predictor.ready()
    async with client(one.url) as a, client(other.url) as b:
        prediction_id = await accepted(a, {"nonce": 1, "until": str(go_on)})
        await predictor.reads("predictmq_model_calls_running 1.0")
        assert (await _cancel(b, prediction_id)).status_code == 204
        await _assert_cancelled(prediction_id, a, b)
        await predictor.reads("predictmq_model_calls_running 1.0")
        go_on.touch()
        await predictor.reads(ONE_CANCELLED)
        await _assert_cancelled(prediction_id, a, b)


async def test_a_prediction_with_a_final_state_is_not_cancelled_and_keeps_it(
    cluster: Cluster,
) -> None:
    one, other = await _gateways(cluster)
    predictor = cluster.predictor(**SCRIPTED)
    await predictor.ready()
    async with client(one.url) as a, client(other.url) as b:
        for script, status in [({"nonce": 1}, 200), ({"nonce": 2, "then": "refuse"}, 422)]:
            prediction_id = await accepted(a, script)
            ended = await final(a, prediction_id)
            assert ended.status_code == status
            for gateway in (b, a):
                answer = await _cancel(gateway, prediction_id)
                assert (answer.status_code, answer.text) == (409, ended.text)
                assert answer.headers["correlation-id"] == prediction_id
                assert (await final(gateway, prediction_id)).text == ended.text


async def test_unknown_ids_cannot_be_cancelled_and_a_cancel_can_be_repeated(
    cluster: Cluster,
) -> None:
    one, other = await _gateways(cluster)
    async with client(one.url) as a, client(other.url) as b:
        for unknown in ("01a20791-689f-8187-992d-4769e1f5ac93", "x"):
            answer = await _cancel(a, unknown)
            assert (answer.status_code, answer.text) == (
                404,
                '{"error": "Prediction ID not found."}',
            )
        prediction_id = await accepted(a, {"nonce": 1})
        answers = await asyncio.gather(*(_cancel(each, prediction_id) for each in (a, b, a, b)))
        assert [answer.status_code for answer in answers] == [204] * 4
        assert (await _cancel(b, prediction_id)).status_code == 204


async def test_a_gateway_that_starts_later_knows_cancelled_predictions(cluster: Cluster) -> None:
    one, _ = await _gateways(cluster)
    async with client(one.url) as a:
        prediction_id = await accepted(a, {"nonce": 1})
        assert (await _cancel(a, prediction_id)).status_code == 204
        late = cluster.gateway()
        await late.ready()
        async with client(late.url) as c:
            await _assert_cancelled(prediction_id, c)
            problem = await c.get(
                f"/predict/{prediction_id}", headers={"Accept": "application/problem+json"}
            )
            assert problem.json()["code"] == "cancelled"


async def test_a_sync_caller_who_leaves_cancels_its_prediction(cluster: Cluster) -> None:
    one, other = await _gateways(cluster)
    predictor = cluster.predictor(**PROCESS)
    await predictor.ready()
    async with client(one.url) as a, client(other.url) as b:
        script: dict[str, Any] = {"input": {"nonce": 1, "sleep_s": LONG_S}}
        leaver = asyncio.create_task(a.post("/predict", json=script))
        await predictor.reads("predictmq_model_calls_running 1.0")
        leaver.cancel()
        await asyncio.wait((leaver,))
        await predictor.reads(ONE_CANCELLED)
        await one.reads("predictmq_pending_calls 0.0")
        answer = await b.post("/predict", json={"input": {"nonce": 2}})
        assert answer.json()["result"] == 2


async def test_a_gateway_that_ends_cancels_nothing(cluster: Cluster, tmp_path: Path) -> None:
    go_on = tmp_path / "go on"
    gateway = cluster.gateway(DEFAULT_MODEL="scripted", GATEWAY_DRAIN_S="0.5")
    predictor = cluster.predictor(**PROCESS)
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        script = {"input": {"nonce": 1, "until": str(go_on)}}
        cut = asyncio.create_task(http.post("/predict", json=script))
        await predictor.reads("predictmq_model_calls_running 1.0")
        gateway.terminate()
        await gateway.exit_code(timeout_s=20)
        await asyncio.wait((cut,))
    go_on.touch()
    await predictor.reads('predictmq_predictions_total{outcome="succeeded"} 1.0')
    async with client(predictor.url) as http:
        assert ONE_CANCELLED not in (await http.get("/metrics")).text
