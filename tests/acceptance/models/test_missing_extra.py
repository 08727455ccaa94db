"""A model that ships, on a machine without the packages of its extra."""

from pathlib import Path

import pytest

from tests.support.harness.services import Cluster


@pytest.mark.parametrize("isolation", ["thread", "process"])
@pytest.mark.parametrize(
    ("specification", "package", "extra"),
    [
        ("digits=onnx(digits.onnx)", "onnxruntime", "onnx"),
        ("sentiment", "vaderSentiment", "sentiment"),
        ("churn=mlflow(model)", "mlflow", "mlflow"),
    ],
)
async def test_a_missing_extra_is_one_sentence_that_says_what_to_install(  # noqa: PLR0917
    cluster: Cluster, tmp_path: Path, specification: str, package: str, extra: str, isolation: str
) -> None:
    # It may be installed where this runs; in the current directory it is found first.
    missing = f"raise ModuleNotFoundError('No module', name={package!r})"
    for name in ("numpy", "pandas", package):
        (tmp_path / f"{name}.py").write_text(missing)
    predictor = cluster.predictor_in(
        tmp_path, PREDICTOR_MODEL=specification, PREDICTOR_ISOLATION=isolation
    )
    assert await predictor.exit_code(timeout_s=20) == 2
    name = specification.partition("=")[0]
    assert predictor.log.splitlines()[-1] == (
        f"predictor: Model '{name}' needs the package {package}, which is not installed: "
        f"pip install 'predictmq[{extra}]'."
    )
    assert "Traceback" not in predictor.log
    assert "broker connected" not in predictor.log
