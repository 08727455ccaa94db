"""A user's own model whose results are NumPy values."""

from pathlib import Path
from textwrap import dedent

import pytest

from tests.models.conftest import Serve

ARRAYS = dedent("""
    import numpy as np

    class Arrays:
        def predict(self, input: list[float]):
            row = np.asarray(input, dtype=np.float32)
            return {
                "sum": row.sum(), "row": row, "table": row.reshape(1, -1), "best": row.argmax(),
                "any": row.any(), "name": np.str_("x"), "rows": [row[:1], (row[0],)],
            }

        def predict_batch(self, inputs: list[list[float]]):
            return np.asarray(inputs, dtype=np.float32) * 2

    def fails(input: list[float]):
        return np.asarray(input) / 0
""")


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_numpys_scalars_and_arrays_become_numbers_and_lists(
    serve: Serve, tmp_path: Path, isolation: str
) -> None:
    (tmp_path / "my_models.py").write_text(ARRAYS)
    http = await serve(
        "arrays=my_models:Arrays,fails=my_models:fails", PREDICTOR_ISOLATION=isolation
    )
    answer = await http.post("/predict", json={"input": [1, 2.5]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["result"] == {
        "sum": 3.5,
        "row": [1.0, 2.5],
        "table": [[1.0, 2.5]],
        "best": 1,
        "any": True,
        "name": "x",
        "rows": [[1.0], [1.0]],
    }
    infinite = await http.post("/models/fails/predict", json={"input": [1, 0]})
    assert infinite.status_code == 500
