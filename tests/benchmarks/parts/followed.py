"""Followed replies: what each prediction of all other gateways costs a gateway.

Every gateway reads every reply of the stream. Nothing is asked of those measured here.
"""

import asyncio
import time
from typing import Final

import httpx

from tests.benchmarks.contenders import BASE, OURS, Running
from tests.benchmarks.loaded import contenders
from tests.benchmarks.parts.replies import publish_steadily
from tests.benchmarks.sample import Sample, Section
from tests.benchmarks.stage import Stage
from tests.benchmarks.usage import cpu_s

RATES: Final = (500, 2_000, 4_000)
"""Replies/s."""

HELD: Final = 0.95
"""The share of a rate from which on it counts as held."""

WARM_UP_S: Final = 1
POLL_S: Final = 0.02
CATCH_UP_TIMEOUT_S: Final = 60.0


def measure(stage: Stage) -> Section:
    """Measure this version and the base, interleaved: each rate once in each round."""
    section = Section(stage.rounds, stage.seconds)
    with contenders(stage, section, (OURS["quorum"], BASE)) as ready:
        for running in ready:
            _follow(stage, running, RATES[-1], WARM_UP_S)
        for _ in section.each_round():
            for running in ready:
                for per_s in RATES:
                    sample = _follow(stage, running, per_s, stage.seconds)
                    section.add(running.name, per_s, sample)
    return section


def _follow(stage: Stage, running: Running, per_s: int, seconds: int) -> Sample:
    """Return the rate that was held until the last reply was known, and the cost of each reply."""
    pid = running.pids["gateway"]
    before_s = cpu_s(pid)
    published = asyncio.run(publish_steadily(stage, running.vhost, per_s, seconds))
    _wait_until_known(running, published.last_id)
    elapsed_s = time.perf_counter() - published.started_s
    count = per_s * seconds
    used_s = cpu_s(pid) - before_s
    return {"per_s": count / elapsed_s, "cpu_gateway_us": used_s * 1e6 / count}


def _wait_until_known(running: Running, prediction_id: str) -> None:
    """Poll until the gateway has the result, and so has read every reply before it."""
    deadline_s = time.perf_counter() + CATCH_UP_TIMEOUT_S
    with httpx.Client(base_url=running.url, trust_env=False) as http:
        while http.get(f"/predict/{prediction_id}").status_code != httpx.codes.OK:
            assert time.perf_counter() < deadline_s, "the gateway does not catch up"
            time.sleep(POLL_S)
