"""MLflow's model directories, each saved by a process that ends before it is served."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.models.conftest import Serve
from tests.support.harness.services import ROOT

BERLIN = {"words": ["a", "b"], "place": {"city": "Berlin"}, "since": "2020-01-02T03:04:05"}


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the models of ``save_mlflow``."""
    directory = tmp_path_factory.mktemp("mlflow")
    command = [sys.executable, "-m", "tests.models.save_mlflow", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    return directory


async def test_an_mlflow_model_takes_and_gives_rows_of_its_signature(
    serve: Serve, saved: Path
) -> None:
    http = await serve(
        ",".join(f"{name}=mlflow({saved / name})" for name in ("table", "sums", "facts")),
        PREDICTOR_MAX_BATCH="8",
    )

    async def asked(name: str, value: Any) -> tuple[int, Any]:
        answer = await http.post(f"/models/{name}/predict", json={"input": value})
        return answer.status_code, answer.json().get("result", answer.json())

    assert await asked("table", {"age": 60, "income": 1}) == (200, "leaves")
    assert await asked("table", {"age": 20, "income": 2.5}) == (200, "stays")
    assert await asked("sums", [1, 2.5, 3]) == (200, {"sum": 6.5, "first": 1.0})
    facts = {"words": 2, "city": "Berlin", "year": 2020}
    assert await asked("facts", BERLIN) == (200, facts | {"extra": False})
    assert await asked("facts", BERLIN | {"extra": 1}) == (200, facts | {"extra": True})
    for name, value, place in (
        ("table", {"age": 60.5, "income": 1}, "$.age"),
        ("table", {"age": 2**31, "income": 1}, "$.age"),
        ("table", {"income": 1}, "$"),
        ("sums", [1, 2.5], "$"),
        ("facts", BERLIN | {"place": {"city": 1}}, "$.place.city"),
    ):
        status, refusal = await asked(name, value)
        assert status == 422, refusal
        assert refusal["error"].endswith(f"at `{place}`."), refusal
    model = (await http.get("/models/table")).json()
    (table,) = model["input_schema"]["$defs"].values()
    assert table["required"] == ["age", "income"]
    assert model["output_schema"] == {"type": "string"}
    assert model["version"]


async def test_an_mlflow_model_without_a_signature_takes_any_json(
    serve: Serve, saved: Path
) -> None:
    http = await serve(f"doubles=mlflow({saved}/doubles)")
    for value in (1.5, "ab", [1, 2]):
        answer = await http.post("/predict", json={"input": value})
        assert answer.json() == {"input": value, "result": 2 * value}
    assert (await http.get("/models/doubles")).json()["input_schema"] == {}
