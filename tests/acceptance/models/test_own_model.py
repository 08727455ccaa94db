"""A user's own file, outside this repository, becomes a service."""

import asyncio
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.support.harness.calls import accepted, client, final
from tests.support.harness.services import Cluster
from tests.support.harness.waiting import until

CHURN = dedent("""
    from dataclasses import dataclass

    @dataclass
    class Customer:
        months: int
        features: list[float]

    class Churn:
        version = "3"

        def predict(self, input: Customer) -> dict[str, float]:
            return {"risk": sum(input.features) / input.months}
""")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A user's directory with one file in it."""
    (tmp_path / "my_models.py").write_text(CHURN)
    return tmp_path


async def test_a_users_file_is_served_described_and_validated(
    cluster: Cluster, directory: Path
) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL="churn")
    predictor = cluster.predictor_in(directory, PREDICTOR_MODEL="churn=my_models:Churn")
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        good: dict[str, Any] = {"months": 2, "features": [1, 2.5]}
        answer = await http.post("/predict", json={"input": good})
        assert answer.json() == {"input": good, "result": {"risk": 1.75}}
        bad = {"months": 2, "features": [1, 2, 3, "x"]}
        for answer in (
            await http.post("/predict", json={"input": bad}),
            await http.post("/models/churn/predict", json={"input": bad}),
        ):
            assert answer.status_code == 422
            assert answer.json()["error"].endswith("- at `$.features[3]`.")
        model = (await http.get("/models/churn")).json()
        assert (await http.get("/models")).json() == {
            "models": [{"name": "churn", "version": "3", "replicas": 1}]
        }
    assert model["version"] == "3"
    assert model["input_schema"]["$ref"].endswith("/Customer")
    assert model["output_schema"]["additionalProperties"] == {"type": "number"}
    (replica,) = model["replicas"]
    assert replica["concurrency"] == replica["max_batch"] == 1
    assert replica["isolation"] == "thread"


async def test_an_input_without_a_schema_at_the_gateway_is_refused_by_the_predictor(
    cluster: Cluster, directory: Path
) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL="churn")
    await gateway.ready()
    async with client(gateway.url) as http:
        prediction_id = await accepted(http, {"months": 2, "features": [None]})
        cluster.predictor_in(directory, PREDICTOR_MODEL="churn=my_models:Churn")
        answer = await final(http, prediction_id)
    assert answer.status_code == 422
    assert answer.text == '{"error": "Expected `float`, got `null` - at `$.features[0]`."}'


async def test_replicas_start_and_end_and_a_call_without_any_is_refused_at_once(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway()
    predictors = [cluster.predictor() for _ in range(2)]
    await gateway.ready()
    async with client(gateway.url) as http:

        async def counted(replicas: int) -> bool:
            listed = (await http.get("/models")).json()["models"]
            return [each["replicas"] for each in listed] == [replicas]

        await until(lambda: counted(2), lambda: "two replicas announce themselves")
        for left, predictor in ((1, predictors[0]), (0, predictors[1])):
            predictor.terminate()
            assert await predictor.exit_code(timeout_s=10) == 0
            await until(partial(counted, left), lambda: "a replica leaves")
        refused = await http.post("/predict", json={"input": 1})
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert "No predictor serves model 'demo'" in refused.json()["error"]
        prediction_id = await accepted(http, 1)
        predictors[0].start()
        assert (await final(http, prediction_id)).status_code == 200
        await until(partial(counted, 1), lambda: "a replica comes back")
        assert (await http.post("/predict", json={"input": 1})).status_code == 200


async def test_a_gateway_that_starts_later_sends_a_roll_call(cluster: Cluster) -> None:
    predictor = cluster.predictor(PREDICTOR_MODEL="demo,second=demo")
    await predictor.ready()
    gateway = cluster.gateway()
    await gateway.ready()
    names = ["demo", "second"]
    async with client(gateway.url) as http:
        answers = await asyncio.gather(
            *(http.post(f"/models/{name}/predict", json={"input": 1}) for name in names)
        )
        assert [answer.status_code for answer in answers] == [200, 200]
        listed = (await http.get("/models")).json()["models"]
    assert [each["name"] for each in listed] == names


@pytest.mark.parametrize(
    ("specification", "sentence"),
    [
        ("x=no_such_module:Model", "ModuleNotFoundError"),
        ("x=my_models:Nothing", "no attribute 'Nothing'"),
        ("x=my_models:CHURN", "is no function and has no predict method"),
        ("x=my_models:Broken", "FileNotFoundError"),
        ("x", "no model 'x' ships"),
    ],
)
@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_a_model_that_cannot_be_served_is_one_sentence_and_exit_code_2(
    cluster: Cluster, directory: Path, specification: str, sentence: str, isolation: str
) -> None:
    with (directory / "my_models.py").open("a") as file:
        file.write(
            'CHURN = 1\nclass Broken:\n    def __init__(self):\n        open("weights.bin")\n'
        )
    predictor = cluster.predictor_in(
        directory, PREDICTOR_MODEL=specification, PREDICTOR_ISOLATION=isolation
    )
    assert await predictor.exit_code(timeout_s=20) == 2
    last_line = predictor.log.splitlines()[-1]
    assert last_line.startswith("predictor: ")
    assert sentence in last_line
    assert "Traceback" not in predictor.log
    assert "broker connected" not in predictor.log
