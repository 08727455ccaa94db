"""Errors as problem details (RFC 9457), with correlation ids that the logs have, too."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.calls import ASYNC, client, final
from tests.support.harness.services import Cluster, Service
from tests.support.harness.serving import exchange
from tests.support.models.scripted import SCRIPTED

PROBLEM = {"Accept": "application/problem+json"}
SETTINGS = {"DEFAULT_MODEL": "scripted", "GATEWAY_SYNC_TIMEOUT_S": "2"}


class Running:
    """Two gateways and a predictor."""

    def __init__(self, cluster: Cluster) -> None:
        failing = "tests.acceptance.http.failing_gateway"
        self.gateways = [cluster.gateway_as(failing, **SETTINGS) for _ in range(2)]
        self.predictor = cluster.predictor(**SCRIPTED)

    async def ready(self) -> None:
        for service in (*self.gateways, self.predictor):
            await service.ready()


@pytest.fixture(scope="module")
def running(broker: PrivateBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Cluster(broker, tmp_path_factory.mktemp("problems")) as cluster:
        services = Running(cluster)
        asyncio.run(services.ready())
        yield services


@pytest.fixture(params=[0, 1], ids=["one gateway", "the other"])
async def gateway(
    running: Running, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    service = running.gateways[request.param]
    async with client(service.url) as http:
        yield service, http


Gateway = tuple[Service, httpx.AsyncClient]


def script(**does: Any) -> dict[str, Any]:
    """Return the arguments of a call of the scripted model."""
    return {"json": {"input": {"nonce": 1} | does}}


def lines(service: Service, event: str) -> list[dict[str, Any]]:
    """Return the log entries of one event."""
    logged = [json.loads(line) for line in service.log.splitlines() if line.startswith("{")]
    return [line for line in logged if line["event"] == event]


def refused(answer: httpx.Response, status: int, code: str) -> str:
    """Check a response against RFC 9457 and our own rules; returns its correlation id."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["detail"]
    assert answer.headers["correlation-id"] == problem["correlation_id"]
    return str(problem["correlation_id"])


@pytest.mark.parametrize(
    ("method", "path", "call", "status", "code"),
    [
        ("GET", "/nowhere", {}, 404, "not_found"),
        ("DELETE", "/predict", {}, 405, "method_not_allowed"),
        ("GET", "/predict/forged", {}, 404, "unknown_prediction"),
        ("POST", "/models/nobody/predict", {"json": {"input": 1}}, 404, "unknown_model"),
        ("GET", "/models/nobody", {}, 404, "unknown_model"),
        ("POST", "/predict", {"content": b"{"}, 415, "unsupported_media_type"),
        ("POST", "/predict", {"json": {"inputs": 1}}, 400, "malformed_request"),
        ("POST", "/predict", {"json": {"input": "x" * 2**20}}, 413, "body_too_large"),
        ("POST", "/predict", script(then="refuse"), 422, "invalid_input"),
        ("POST", "/predict", script(then="raise"), 500, "model_failed"),
        ("POST", "/predict", script(sleep_s=3), 504, "deadline_exceeded"),
        ("POST", "/models/demo/predict", {"json": {"input": 1}}, 404, "unknown_model"),
        ("GET", "/fails", {}, 500, "internal_error"),
    ],
)
async def test_every_error_has_the_same_sentence_as_a_problem_and_as_plain_json(  # noqa: PLR0917
    gateway: Gateway, method: str, path: str, call: dict[str, Any], status: int, code: str
) -> None:
    _, http = gateway
    answer = await http.request(method, path, headers=PROBLEM, **call)
    correlation_id = refused(answer, status, code)
    assert str(UUID(correlation_id)) == correlation_id
    plain = await http.request(method, path, **call)
    assert plain.status_code == status
    assert plain.headers["content-type"] == "application/json"
    assert plain.text == f'{{"error": {json.dumps(answer.json()["detail"])}}}'
    assert str(UUID(plain.headers["correlation-id"])) != correlation_id


async def test_an_unexpected_failure_logs_one_line_with_its_id_and_the_traceback(
    gateway: Gateway,
) -> None:
    service, http = gateway
    known = len(lines(service, "unexpected failure"))
    answer = await http.get("/fails", headers=PROBLEM)
    correlation_id = refused(answer, 500, "internal_error")
    await service.logs(correlation_id)
    (line,) = lines(service, "unexpected failure")[known:]
    assert (line["correlation_id"], line["path"]) == (correlation_id, "/fails")
    assert "ZeroDivisionError: a secret of the gateway" in line["exception"]
    assert "secret" not in answer.text


async def test_a_failed_model_call_is_in_the_predictors_log_under_the_id_of_the_response(
    running: Running, gateway: Gateway
) -> None:
    _, http = gateway
    answer = await http.post("/predict", headers=PROBLEM, **script(then="raise"))
    correlation_id = refused(answer, 500, "model_failed")
    await running.predictor.logs(correlation_id)
    failures = [line["correlation_id"] for line in lines(running.predictor, "model failed")]
    assert failures.count(correlation_id) == 1


async def test_a_failed_prediction_has_its_own_id_as_correlation_id_on_every_gateway(
    running: Running, gateway: Gateway
) -> None:
    _, http = gateway
    posted = await http.post("/predict", headers=ASYNC, **script(then="refuse"))
    prediction_id = posted.json()["prediction_id"]
    for service in running.gateways:
        async with client(service.url) as other:
            plain = await final(other, prediction_id)
            answer = await other.get(f"/predict/{prediction_id}", headers=PROBLEM)
        assert refused(answer, 422, "invalid_input") == prediction_id
        assert plain.headers["correlation-id"] == prediction_id


async def test_a_request_that_the_server_refuses_gets_a_problem(gateway: Gateway) -> None:
    service, _ = gateway
    answer = await exchange(
        int(service.url.rpartition(":")[2]),
        b"GET /predict HTTP/2.0\r\nHost: localhost\r\nAccept: application/problem+json\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 505")
    assert b'"code":"http_version_not_supported"' in answer


async def test_an_upgrade_is_ignored(gateway: Gateway) -> None:
    service, _ = gateway
    answer = await exchange(
        int(service.url.rpartition(":")[2]),
        b"GET /predict HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Version: 13\r\nAccept: application/problem+json\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 405")
    assert b'"code":"method_not_allowed"' in answer


async def test_a_success_has_no_correlation_id_and_a_pending_prediction_has_its_own(
    gateway: Gateway,
) -> None:
    _, http = gateway
    sync = await http.post("/predict", headers=PROBLEM, **script())
    posted = await http.post("/predict", headers=ASYNC | PROBLEM, **script(sleep_s=1))
    pending = await http.get(posted.headers["location"])
    assert [answer.status_code for answer in (sync, posted, pending)] == [200, 202, 202]
    assert "correlation-id" not in sync.headers
    assert "correlation-id" not in posted.headers
    assert pending.headers["correlation-id"] == posted.json()["prediction_id"]


async def test_an_unknown_path_of_a_predictor_gets_a_problem(running: Running) -> None:
    async with client(running.predictor.url) as http:
        refused(await http.get("/nowhere", headers=PROBLEM), 404, "not_found")


async def test_a_call_without_a_predictor_gets_a_problem_with_retry_after(
    cluster: Cluster,
) -> None:
    one, other = cluster.gateway(), cluster.gateway()
    for service in (one, other):
        await service.ready()
        async with client(service.url) as http:
            answer = await http.post("/predict", json={"input": 1}, headers=PROBLEM)
        refused(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"
