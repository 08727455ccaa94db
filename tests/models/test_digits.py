"""The digits that scikit-learn ships, read by an ONNX file behind the API."""

import asyncio
import json
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.models.conftest import Serve
from tests.support.harness.calls import accepted, final

CALLERS: Final = 64


@pytest.mark.parametrize("max_batch", [1, 32], ids=["unbatched", "batched"])
async def test_the_digits_are_labelled_as_scikit_learn_does(
    serve: Serve, digits: Path, max_batch: int
) -> None:
    held_out = json.loads((digits / "held-out.json").read_text())
    http = await serve(f"digits=onnx({digits}/digits.onnx)", PREDICTOR_MAX_BATCH=str(max_batch))
    images, truth = held_out["images"], held_out["labels"]
    callers = asyncio.Semaphore(CALLERS)

    async def both(image: list[float]) -> tuple[httpx.Response, str]:
        async with callers:
            prediction_id = await accepted(http, image)
            return await http.post("/predict", json={"input": image}), prediction_id

    answers = await asyncio.gather(*map(both, images))
    now = [answer for answer, _ in answers]
    later = [await final(http, prediction_id) for _, prediction_id in answers]
    assert {answer.status_code for answer in (*now, *later)} == {200}
    said = [answer.json()["result"]["label"] for answer in now]
    assert said == held_out["predicted"]
    assert [answer.json()["output"]["result"]["label"] for answer in later] == said
    right = sum(map(int.__eq__, said, truth)) / len(truth)
    assert right >= 0.95
    (replica,) = (await http.get("/models/digits")).json()["replicas"]
    assert replica["max_batch"] == max_batch
    assert len(truth) == 450


async def test_an_onnx_file_describes_its_inputs_its_outputs_and_its_version(
    serve: Serve, digits: Path
) -> None:
    http = await serve(f"digits=onnx({digits}/digits.onnx)")
    model = (await http.get("/models/digits")).json()
    image = {"type": "array", "items": {"type": "number"}, "minItems": 64, "maxItems": 64}
    assert model["input_schema"] == image
    (output,) = model["output_schema"]["$defs"].values()
    assert output["properties"]["label"]["type"] == "integer"
    assert output["properties"]["probabilities"]["maxItems"] == 10
    assert model["version"] == "1"
    refused = await http.post("/predict", json={"input": [0.5] * 63})
    assert refused.status_code == 422
    refused = await http.post("/predict", json={"input": [0.5] * 63 + ["black"]})
    assert refused.status_code == 422
    assert refused.json()["error"].endswith("at `$[63]`.")
    too_large = await http.post("/predict", json={"input": [1e300] * 64})
    assert too_large.status_code == 422
    assert "float32" in too_large.json()["error"]
