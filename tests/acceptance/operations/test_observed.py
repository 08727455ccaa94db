"""Observability: a log line for each request and prediction, and the metrics of both services."""

import json
from typing import Any, Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.harness.calls import ASYNC, accepted, client, final
from tests.support.harness.metrics import read_metrics, read_samples
from tests.support.harness.services import ROOT, Cluster, Service
from tests.support.harness.waiting import until
from tests.support.models.scripted import SCRIPTED

SECRET: Final = "nobody may read this"


def _lines(service: Service, event: str) -> list[dict[str, Any]]:
    """Return the log entries of ``event`` so far."""
    lines = [json.loads(line) for line in service.log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


async def _wait_for(service: Service, event: str, count: int) -> list[dict[str, Any]]:
    async def are_there() -> bool:
        return len(_lines(service, event)) >= count

    await until(are_there, lambda: f"{count} lines of {event}\n{service.log}")
    return _lines(service, event)


async def test_each_request_and_its_prediction_are_one_log_line_each_with_the_same_id(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL="scripted")
    predictor = cluster.predictor(**SCRIPTED)
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        script: dict[str, object] = {"nonce": SECRET, "sleep_s": 0.02}
        await http.post("/predict", json={"input": script})
        await http.post("/predict", json={"input": script | {"then": "raise"}})
        later = await accepted(http, script)
        await final(http, later)
        await http.get("/predict/unknown")
        await http.get("/metrics")
    predictions = await _wait_for(predictor, "prediction", 3)
    await gateway.logs("unknown_prediction")
    requests = _lines(gateway, "request")
    assert [line["state"] for line in predictions] == ["succeeded", "failed", "succeeded"]
    assert [line.get("code") for line in predictions] == [None, "model_failed", None]
    for line in predictions:
        assert line["ms"] >= line["model_ms"] >= 20
        assert line["queue_ms"] >= 0
        assert (line["model"], line["batch"], line["level"]) == ("scripted", 1, "info")
    posts = [line for line in requests if line["method"] == "POST"]
    assert [(line["status"], line["state"]) for line in posts] == [
        (200, "succeeded"),
        (500, "failed"),
        (202, "accepted"),
    ]
    assert [line["correlation_id"] for line in posts] == [
        line["correlation_id"] for line in predictions
    ]
    assert predictions[2]["correlation_id"] == later
    assert {line["model"] for line in posts} == {"scripted"}
    assert all(line["ms"] > 20 for line in posts[:2])
    *_, found, unknown = requests
    assert (found["state"], found["correlation_id"]) == ("succeeded", later)
    assert (unknown["status"], unknown["code"]) == (404, "unknown_prediction")
    assert {line["route"] for line in requests} == {"/predict", "/predict/<prediction_id>"}
    assert SECRET not in gateway.log + predictor.log.replace("raise RuntimeError", "")


async def test_a_successful_request_is_not_logged_at_level_warning(cluster: Cluster) -> None:
    gateway = cluster.gateway(LOG_LEVEL="Warning")
    predictor = cluster.predictor(LOG_LEVEL="warning", PREDICTOR_ISOLATION="process")
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        answer = await http.post("/predict", json={"input": 1})
    assert answer.status_code == 200
    for service in (gateway, predictor):
        service.terminate()
        assert await service.exit_code(timeout_s=10) == 0
    assert gateway.log == predictor.log == ""


async def test_a_restarted_gateway_counts_what_happens_now_and_not_what_it_replays(
    cluster: Cluster,
) -> None:
    gateway, predictor = cluster.gateway(), cluster.predictor()
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        before = [await accepted(http, number) for number in range(3)]
        for prediction_id in before:
            await final(http, prediction_id)
        await gateway.reads('predictmq_results_recorded_total{state="succeeded"} 3.0')
        gateway.kill()
        gateway.start()
        await gateway.ready()
        await gateway.reads('predictmq_results{body="memory"} 3.0')
        await gateway.reads('predictmq_results_recorded_total{state="succeeded"} 0.0')
        for prediction_id in before:
            assert (await http.get(f"/predict/{prediction_id}")).status_code == 200
        await final(http, await accepted(http, "now"))
    await gateway.reads('predictmq_results_recorded_total{state="succeeded"} 1.0')


@pytest.mark.parametrize(("mode", "status"), [(ASYNC, 202), ({}, 503)], ids=["async", "sync"])
async def test_a_model_without_predictors_has_a_series_if_it_is_configured_or_has_queues(
    cluster: Cluster, mode: dict[str, str], status: int
) -> None:
    gateway = cluster.gateway()
    await gateway.ready()
    await gateway.reads('predictmq_model_replicas{model="demo"} 0.0')
    predictor = cluster.predictor(**SCRIPTED)
    await predictor.ready()
    await gateway.reads('predictmq_model_replicas{model="scripted"} 1.0')
    predictor.terminate()
    await gateway.reads('predictmq_model_replicas{model="scripted"} 0.0')
    gateway.kill()
    gateway.start()  # it has not heard of any predictor
    await gateway.ready()
    await gateway.reads('predictmq_model_replicas{model="demo"} 0.0')
    async with client(gateway.url) as http:
        answer = await http.post("/models/scripted/predict", json={"input": 1}, headers=mode)
        assert answer.status_code == status
        unknown = await http.post("/models/unknown/predict", json={"input": 1}, headers=mode)
        assert unknown.status_code == 404
    await gateway.reads('predictmq_model_replicas{model="scripted"} 0.0')
    assert not [each for each in await read_samples(gateway) if "unknown" in each.labels.values()]


async def test_an_unknown_log_level_ends_the_service_with_the_name_of_the_setting(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway(LOG_LEVEL="loud")
    assert await gateway.exit_code(timeout_s=20) == 2
    assert "LOG_LEVEL" in gateway.log


async def test_the_metrics_are_those_of_the_page_and_count_predictions(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway()
    predictor = cluster.predictor()
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        for number in range(3):
            await http.post("/predict", json={"input": number})
    page = (ROOT / "docs" / "observability.md").read_text()
    for service in (gateway, predictor):
        async with httpx.AsyncClient(base_url=service.url) as http:
            text = (await http.get("/metrics")).text
        families = list(text_string_to_metric_families(text))
        ours = [
            family
            for family in families
            if family.name.startswith("predictmq_") and not family.name.endswith("_created")
        ]
        assert ours
        for family in ours:
            name = f"{family.name}_total" if family.type == "counter" else family.name
            assert f"| `{name}`" in page, name
            assert family.documentation.endswith(".")
            assert not name.endswith(("_ms", "_milliseconds"))
    of_model = '{model="demo"}'
    await predictor.reads(f"predictmq_model_call_duration_seconds_count{of_model} 3.0")
    await predictor.reads(f"predictmq_batch_size_sum{of_model} 3.0")
    await predictor.reads(f"predictmq_queue_duration_seconds_count{of_model} 3.0")
    await gateway.reads('predictmq_broker_connected{connection="publisher"} 1.0')
    await gateway.reads('predictmq_model_replicas{model="demo"} 1.0')
    assert (await read_metrics(predictor))["predictmq_waiting_requests"] == 0
