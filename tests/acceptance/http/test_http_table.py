"""Every row of the HTTP contract, with its literal body."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.calls import ASYNC, accepted, client, final
from tests.support.harness.services import Cluster, Service
from tests.support.models.scripted import SCRIPTED

BOTH = {"PREDICTOR_MODEL": f"demo,{SCRIPTED['PREDICTOR_MODEL']}"}
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def running(broker: PrivateBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Cluster(broker, tmp_path_factory.mktemp("table")) as cluster:
        gateway, predictor = cluster.gateway(), cluster.predictor(**BOTH)
        asyncio.run(gateway.ready())
        asyncio.run(predictor.ready())
        yield gateway


@pytest.fixture
async def gateway(running: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with client(running.url) as http:
        yield http


async def test_a_sync_call_gets_input_and_result(gateway: httpx.AsyncClient) -> None:
    body = '{"input": {"b":  1.10, "a": ["é", null]}, "note": "ignored"}'
    answer = await gateway.post("/predict", content=body, headers=JSON)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    pattern = re.escape('{"input": {"b":  1.10, "a": ["é", null]}, "result": ') + r'"\d{4}"}'
    assert re.fullmatch(pattern, answer.text)
    again = await gateway.post("/models/demo/predict", content=body, headers=JSON)
    assert again.text == answer.text


@pytest.mark.parametrize("spelling", ["true", "True", "TRUE"])
async def test_an_async_call_gets_an_id_at_once(gateway: httpx.AsyncClient, spelling: str) -> None:
    answer = await gateway.post("/predict", json={"input": 1}, headers={"Async-Mode": spelling})
    assert answer.status_code == 202
    match = re.fullmatch(
        r'\{"message": "Request received\. Processing asynchronously\.", '
        rf'"prediction_id": "({UUID})"\}}',
        answer.text,
    )
    assert match
    assert answer.headers["location"] == f"/predict/{match[1]}"
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("spelling", ["false", "1", "yes", ""])
async def test_a_call_with_any_other_async_mode_is_sync(
    gateway: httpx.AsyncClient, spelling: str
) -> None:
    answer = await gateway.post("/predict", json={"input": 1}, headers={"Async-Mode": spelling})
    assert answer.status_code == 200


async def test_a_finished_prediction_is_found_under_its_id(gateway: httpx.AsyncClient) -> None:
    sync = await gateway.post("/predict", json={"input": [1, 2]})
    prediction_id = await accepted(gateway, [1, 2])
    answer = await final(gateway, prediction_id)
    assert answer.status_code == 200
    assert answer.text == f'{{"output": {sync.text}, "prediction_id": "{prediction_id}"}}'


async def test_a_prediction_that_is_not_finished_is_pending(gateway: httpx.AsyncClient) -> None:
    url = "/models/scripted/predict"
    script = {"input": {"nonce": 1, "sleep_s": 1.5}}
    posted = await gateway.post(url, json=script, headers=ASYNC)
    answer = await gateway.get(posted.headers["location"])
    assert answer.status_code == 202
    assert answer.text == '{"error": "Prediction is still being processed."}'
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "forged", ["nonsense", "01a2078f-09a1-8855-b69d-b3925daa09cd", "00000000" * 4, "%00", "x" * 999]
)
async def test_a_forged_id_is_not_found(gateway: httpx.AsyncClient, forged: str) -> None:
    answer = await gateway.get(f"/predict/{forged}")
    assert answer.status_code == 404
    assert answer.text == '{"error": "Prediction ID not found."}'


@pytest.mark.parametrize(
    ("then", "status", "sentence"),
    [
        ("refuse", 422, "The model knows no such thing."),
        ("raise", 500, "The model failed on this input."),
        ("return a set of objects", 500, "The model failed on this input."),
    ],
)
async def test_a_failed_prediction_has_the_same_response_sync_and_async(
    gateway: httpx.AsyncClient, then: str, status: int, sentence: str
) -> None:
    url, script = "/models/scripted/predict", {"input": {"nonce": 1, "then": then}}
    sync = await gateway.post(url, json=script)
    posted = await gateway.post(url, json=script, headers=ASYNC)
    later = await final(gateway, posted.json()["prediction_id"])
    assert (sync.status_code, sync.text) == (status, f'{{"error": "{sentence}"}}')
    assert (later.status_code, later.text) == (sync.status_code, sync.text)


async def test_problem_details_carry_the_stable_code(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.get("/predict/x", headers={"Accept": "application/problem+json"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Prediction ID not found.",
        "code": "unknown_prediction",
        "correlation_id": answer.headers["Correlation-Id"],
    }


async def test_unknown_routes_and_methods_get_json(gateway: httpx.AsyncClient) -> None:
    nowhere, wrong = await gateway.get("/nowhere"), await gateway.delete("/predict")
    assert nowhere.status_code == 404
    assert list(nowhere.json()) == ["error"]
    assert wrong.status_code == 405
    assert "POST" in wrong.headers["allow"]


async def test_metrics_count_requests_by_route_and_status(gateway: httpx.AsyncClient) -> None:
    await gateway.post("/predict", json={"input": 1})
    metrics = (await gateway.get("/metrics")).text
    count = re.search(
        r'^predictmq_http_requests_total\{method="POST",route="/predict",status="200"\} (.*)$',
        metrics,
        re.MULTILINE,
    )
    assert count
    assert float(count[1]) >= 1
    assert "\npredictmq_pending_calls 0.0\n" in metrics
