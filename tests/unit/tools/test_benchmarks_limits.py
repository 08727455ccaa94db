"""The limits in the benchmarks: nothing of ours is in what we are compared with."""

import subprocess
import sys

import pytest

from tests.support.harness.services import ROOT

LOADED = """
import sys
from {module} import {name}
packages = {{name.partition(".")[0] for name in sys.modules}}
print(sorted(packages & {{"common", "gateway", "predictmq", "predictor_service"}}))
print(type({name}).__module__, type({name}).__name__)
"""


@pytest.mark.parametrize(
    ("module", "name", "kind"),
    [
        ("tests.benchmarks.limits.constant", "app", "quart.app Quart"),
        ("tests.benchmarks.limits.bare_predictor", "main", "builtins function"),
        ("tests.benchmarks.limits.bare_client", "main", "builtins function"),
    ],
)
def test_a_limit_loads_nothing_of_ours(module: str, name: str, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(module=module, name=name)],
        cwd=ROOT,
        env={"BENCH_QUEUE": "any"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.splitlines() == ["[]", kind], done.stderr
