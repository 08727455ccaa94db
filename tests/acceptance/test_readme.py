"""The README's code blocks, run as they stand and in their order."""

import asyncio
import os
import re
import subprocess
from pathlib import Path

from tests.support.make_up import ROOT, MakeUp, copy_checkout

BLOCK = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def test_the_readmes_commands_print_what_it_says(tmp_path: Path) -> None:
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    (_, _, up), *others = blocks
    assert (blocks[0][:2], up.strip()) == (("bash", "up"), "make up")
    checkout = copy_checkout(tmp_path / "checkout")
    with MakeUp(checkout, GATEWAY_BIND="127.0.0.1:8080") as make_up:
        assert make_up.says("PredictMQ is ready at"), make_up.output
        script = ["set -euo pipefail"]
        compared = 0
        for language, _, text in others:
            if language == "bash":
                script.append(text)
            elif language == "json":
                printed = await asyncio.to_thread(_run, "\n".join(script), checkout)
                assert UUID.sub("<id>", printed).endswith(UUID.sub("<id>", text.strip()))
                compared += 1
        assert compared == 3


def _run(script: str, directory: Path) -> str:
    """Run all blocks so far in one shell, as a reader does; returns what they print."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
