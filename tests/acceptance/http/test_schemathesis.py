"""The gateway against its own ``/openapi.json``, with generated requests."""

import asyncio
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.support.harness.services import ROOT, Cluster
from tests.support.harness.waiting import until

MODELS: Final = {"PREDICTOR_MODEL": "demo,risk=tests.support.models.typed:predict"}
KEY: Final = "a-key-of-the-tests-0123456789"
KEYS: Final = {"GATEWAY_API_KEYS": f"tests={KEY}", "GATEWAY_RATE_LIMIT": "100000/minute"}
HEADERS: Final = {"X-API-Key": KEY}
CONFIGURATION: Final = ROOT / "tests" / "acceptance" / "http" / "schemathesis.toml"
BOUND_S: Final = 240


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({}, "Accept: */*"),
        ({}, "Accept: application/problem+json"),
        (KEYS, f"Authorization: Bearer {KEY}"),
    ],
    ids=["plain", "problems", "keys"],
)
async def test_no_request_gets_a_server_error_or_an_undescribed_response(
    cluster: Cluster, tmp_path: Path, settings: dict[str, str], header: str
) -> None:
    gateway, predictor = cluster.gateway(**settings), cluster.predictor(**MODELS)
    for service in (gateway, cluster.gateway(**settings), predictor):
        await service.ready()
    async with httpx.AsyncClient(base_url=gateway.url, headers=HEADERS) as http:
        await until(partial(_is_known, http, "risk"), lambda: "the model is known")
    status, told = await asyncio.to_thread(_try_out, gateway.url, header, tmp_path)
    assert status == 0, told
    assert "Traceback" not in gateway.log
    assert predictor.is_running


async def _is_known(http: httpx.AsyncClient, model: str) -> bool:
    return (await http.get(f"/models/{model}")).status_code == 200


def _try_out(url: str, header: str, directory: Path) -> tuple[int, str]:
    """Run schemathesis; returns its exit code and its output."""
    command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIGURATION}"]
    arguments = ["run", "--no-color", f"--header={header}", f"{url}/openapi.json"]
    run = subprocess.run(
        command + arguments,
        cwd=directory,
        timeout=BOUND_S,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr
