"""A run of wrk against one URL, and the reading of its output."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WRK: Final = "wrk"
TIMEOUT_S: Final = 30
MARGIN_S: Final = 60.0
"""The longest time of wrk beyond its duration: it waits for the last responses."""

_TO_MS: Final = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3, "h": 3600e3}


class WrkFailed(Exception):
    """The error that wrk is missing or has failed; the text has the reason."""


@dataclass(frozen=True)
class Load:
    """The measurements of wrk. ``failed`` counts unsuccessful responses and socket errors."""

    per_s: float
    p50_ms: float
    p99_ms: float
    succeeded: int
    failed: int


def read_output(text: str) -> Load:
    """Read what ``wrk --latency`` prints.

    Raises:
        WrkFailed: it is something else.
    """
    total = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m|h),", text)
    if total is None:
        raise WrkFailed(f"wrk printed no result: {text.strip()[:200] or 'nothing'}")
    answered, seconds = int(total[1]), float(total[2]) * _TO_MS[total[3]] / 1000
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    sockets = re.search(r"Socket errors: (.*)", text)
    unsuccessful = int(refused[1]) if refused else 0
    broken = sum(map(int, re.findall(r"\d+", sockets[1]))) if sockets else 0
    return Load(
        per_s=(answered - unsuccessful) / seconds,
        p50_ms=_latency_ms(text, 50),
        p99_ms=_latency_ms(text, 99),
        succeeded=answered - unsuccessful,
        failed=unsuccessful + broken,
    )


def _latency_ms(text: str, percent: int) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m|h)\s*$", text, re.MULTILINE)
    if found is None:
        raise WrkFailed(f"wrk printed no {percent}th percentile.")
    return float(found[1]) * _TO_MS[found[2]]


@dataclass(frozen=True)
class Call:
    """The call that wrk repeats on ``connections``: a GET, or with a body a POST of JSON."""

    body: bytes = b""
    connections: int = 32
    path: str = "/predict"
    is_async: bool = False

    def script(self, directory: Path) -> str:
        """Return the Lua script of the call; the body goes through a file of ``directory``."""
        if not self.body:
            return ""
        content = directory / "body.json"
        content.write_bytes(self.body)
        lines = [
            'wrk.method = "POST"',
            'wrk.headers["Content-Type"] = "application/json"',
            f"local content = io.open({json.dumps(str(content))}, 'rb')",
            "wrk.body = content:read('*a')",
            "content:close()",
        ]
        if self.is_async:
            lines.append('wrk.headers["Async-Mode"] = "true"')
        return "\n".join(lines) + "\n"


def load(url: str, call: Call, seconds: int, directory: Path) -> Load:
    """Call a server for ``seconds``, from one thread, which is enough for one server.

    Raises:
        WrkFailed: see there.
    """
    script = directory / "call.lua"
    script.write_text(call.script(directory))
    options = ["--threads=1", f"--connections={call.connections}", f"--duration={seconds}s"]
    options += ["--latency", f"--timeout={TIMEOUT_S}s", f"--script={script}"]
    try:
        done = subprocess.run(
            [require(WRK), *options, url + call.path],
            capture_output=True,
            text=True,
            timeout=seconds + MARGIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise WrkFailed(f"wrk did not end within {seconds + MARGIN_S:g} s.") from exc
    if done.returncode != 0:
        raise WrkFailed(f"wrk: {done.stderr.strip()}")
    return read_output(done.stdout)


def require(program: str) -> str:
    """Return the path of a program.

    Raises:
        WrkFailed: it is not installed; the sentence says what to do.
    """
    found = shutil.which(program)
    if found is None:
        raise WrkFailed(f"{program} is not installed (Debian: apt-get install {program}).")
    return found
