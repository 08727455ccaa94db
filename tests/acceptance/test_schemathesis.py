"""The gateway does what ``/openapi.json`` says, for requests that nobody has thought of too."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.services import ROOT, Cluster

MODELS: Final = {"PREDICTOR_MODEL": "demo,risk=tests.support.typed:predict"}
CONFIGURATION: Final = ROOT / "tests" / "acceptance" / "schemathesis.toml"
BOUND_S: Final = 240


@pytest.mark.parametrize("accept", ["*/*", "application/problem+json"])
async def test_no_request_meets_a_server_error_or_what_is_not_described(
    cluster: Cluster, tmp_path: Path, accept: str
) -> None:
    gateway, other, predictor = cluster.gateway(), cluster.gateway(), cluster.predictor(**MODELS)
    for service in (gateway, other, predictor):
        await service.ready()
    await gateway.shows("/models/risk", 200)
    status, told = await asyncio.to_thread(_try_out, gateway.url, accept, tmp_path)
    assert status == 0, told
    assert "Traceback" not in gateway.log
    assert predictor.is_running


def _try_out(url: str, accept: str, directory: Path) -> tuple[int, str]:
    """Run schemathesis; its exit code, and what it says."""
    command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIGURATION}"]
    arguments = ["run", "--no-color", f"--header=Accept: {accept}", f"{url}/openapi.json"]
    run = subprocess.run(
        command + arguments,
        cwd=directory,
        timeout=BOUND_S,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr
