"""P9: bad input gets a clear error, and the predictor goes on."""

import httpx
import pytest

from tests.support.harness.calls import client
from tests.support.harness.services import Cluster

PROBLEM = {"Accept": "application/problem+json", "Content-Type": "application/json"}

BAD_BODIES = {
    "not JSON": (b"{nope", 400, "malformed_request"),
    "no body": (b"", 400, "malformed_request"),
    "a list": (b"[1]", 400, "malformed_request"),
    "no input": (b'{"inputs": 1}', 400, "malformed_request"),
    "NaN": (b'{"input": NaN}', 400, "malformed_request"),
    "10,000 levels": (
        b'{"input": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        400,
        "malformed_request",
    ),
    "65 levels": (b'{"input": ' + b"[" * 65 + b"]" * 65 + b"}", 400, "malformed_request"),
    "lone surrogate": (b'{"input": "\\ud800"}', 400, "malformed_request"),
    "4,301 digits": (b'{"input": ' + b"7" * 4301 + b"}", 400, "malformed_request"),
    "1 MiB + 1 byte": (b'"' + b"x" * (2**20 - 1) + b'"', 413, "body_too_large"),
}


async def test_bad_input_is_refused_with_its_code_and_a_sentence(cluster: Cluster) -> None:
    service, predictor = cluster.gateway(), cluster.predictor()
    await service.ready()
    await predictor.ready()
    async with client(service.url) as gateway:
        for name, (body, status, code) in BAD_BODIES.items():
            answer = await gateway.post("/predict", content=body, headers=PROBLEM)
            assert (answer.status_code, answer.json()["code"]) == (status, code), name
            assert answer.json()["detail"].endswith("."), name
        await _other_kinds_of_bad_input(gateway)
        exact = b'{"input": ' + b"7" * 4300 + b"}"
        answer = await gateway.post("/predict", content=exact, headers=PROBLEM)
        assert answer.content.startswith(exact[:-1] + b', "result": ')
    assert predictor.is_running
    for ended in (service, predictor):
        ended.terminate()
        assert await ended.exit_code(timeout_s=10) == 0
    assert "Traceback" not in service.log + predictor.log


async def _other_kinds_of_bad_input(gateway: httpx.AsyncClient) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded"):
        headers = PROBLEM | {"Content-Type": media_type}
        answer = await gateway.post("/predict", content=b'{"input": 1}', headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    for model in ("nobody", "a.b", "x" * 65, "*"):
        url = f"/models/{model}/predict"
        answer = await gateway.post(url, content=b'{"input": 1}', headers=PROBLEM)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_model"), model
    answer = await gateway.get("/predict/malformed", headers=PROBLEM)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_prediction")


async def test_a_client_with_a_body_far_over_the_limit_still_reads_the_413(
    cluster: Cluster,
) -> None:
    service = cluster.gateway()
    await service.ready()
    async with client(service.url) as gateway:
        for mebibytes in range(2, 22):
            body = b"x" * (mebibytes * 2**20)
            answer = await gateway.post("/predict", content=body, headers=PROBLEM)
            assert answer.status_code == 413, mebibytes


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("GATEWAY_SYNC_TIMEOUT_S", "soon"),
        ("GATEWAY_RESULT_TTL_S", "90000"),
        ("RABBITMQ_PORT", "0"),
        ("GATEWAY_BIND", "8080"),
        ("RABBITMQ_DEFAULT_PASS", "wrong"),
        ("RABBITMQ_VHOST", "missing"),
    ],
)
async def test_an_unusable_setting_is_one_sentence_and_exit_code_2(
    cluster: Cluster, setting: str, value: str
) -> None:
    gateway = cluster.gateway(**{setting: value})
    assert await gateway.exit_code(timeout_s=20) == 2
    last_line = gateway.log.splitlines()[-1]
    assert last_line.startswith("gateway: ")
    assert setting in last_line
    assert "Traceback" not in gateway.log


async def test_a_model_that_cannot_be_loaded_is_one_sentence_and_exit_code_2(
    cluster: Cluster,
) -> None:
    predictor = cluster.predictor(PREDICTOR_MODEL="x=no_such_module:Model")
    assert await predictor.exit_code(timeout_s=20) == 2
    assert predictor.log.splitlines()[-1].startswith("predictor: Model 'x=no_such_module:Model'")
    assert "Traceback" not in predictor.log
