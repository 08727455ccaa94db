"""Requests of both lanes share model calls, and each gets its own answer."""

import asyncio
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

from tests.support.harness.calls import accepted, client, final
from tests.support.harness.services import Cluster

MODEL: Final = dedent("""
    import time

    class Sizes:
        def predict(self, input: int) -> list[int]:
            return self.predict_batch([input])[0]

        def predict_batch(self, inputs: list[int]) -> list[list[int]]:
            time.sleep(0.1)
            if 13 in inputs:
                raise RuntimeError("13")
            return [[value, len(inputs)] for value in inputs]
""")
CALLERS: Final = 32


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_callers_share_batches_and_a_bad_input_fails_alone(
    cluster: Cluster, tmp_path: Path, isolation: str
) -> None:
    (tmp_path / "sizes.py").write_text(MODEL)
    gateway = cluster.gateway(DEFAULT_MODEL="sizes")
    predictor = cluster.predictor_in(
        tmp_path,
        PREDICTOR_MODEL="sizes=sizes:Sizes",
        PREDICTOR_ISOLATION=isolation,
        PREDICTOR_MAX_BATCH="8",
    )
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        alone = await http.post("/predict", json={"input": 1})
        assert alone.json()["result"] == [1, 1]
        ids = [await accepted(http, number) for number in range(100, 100 + CALLERS)]
        answers = await asyncio.gather(
            *(http.post("/predict", json={"input": number}) for number in range(CALLERS))
        )
        later = [await final(http, prediction_id) for prediction_id in ids]
    assert answers[13].status_code == 500
    results = [answer.json()["result"] for answer in answers if answer.status_code == 200]
    results += [answer.json()["output"]["result"] for answer in later]
    expected = [number for number in range(CALLERS) if number != 13]
    assert [value for value, _ in results] == expected + list(range(100, 100 + CALLERS))
    sizes = [size for _, size in results]
    assert max(sizes) == 8
    assert sum(sizes) / len(sizes) > 2
