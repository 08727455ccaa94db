"""Gateways with a filled stream: the speed of the replay, and the memory for each result."""

import asyncio
import time
from typing import Final

from prometheus_client.utils import floatToGoString

from tests.benchmarks.contenders import OURS
from tests.benchmarks.parts.fill import fill
from tests.benchmarks.sample import Section
from tests.benchmarks.stage import Stage
from tests.benchmarks.usage import cpu_s, rss_bytes
from tests.support.harness.services import Cluster

FEW: Final = 100_000
MANY: Final = 1_000_000
MAX_ROUNDS: Final = 3
READY_TIMEOUT_S: Final = 300.0
BUDGET_BYTES: Final = {"memory": 4_000_000_000, "offsets": 0}
"""The place of the results' bodies → the cache of the gateway for them."""


def series(kept_in: str) -> str:
    """Return the name of the series of gateways that keep their bodies there."""
    return f"{OURS['quorum']}, {kept_in}"


def measure(stage: Stage) -> Section:
    """Measure no and some results in each round, many once: a million takes long, varies little."""
    section = Section(min(stage.rounds, MAX_ROUNDS), stage.seconds)
    vhost = stage.new_vhost()
    for kept_in in BUDGET_BYTES:
        _replay(stage, section, vhost, kept_in, 0)
    asyncio.run(fill(stage, vhost, FEW))
    for _ in section.each_round():
        for kept_in in BUDGET_BYTES:
            _replay(stage, section, vhost, kept_in, FEW)
    print(f" filling the stream with {MANY:,} results", flush=True)
    asyncio.run(fill(stage, vhost, MANY - FEW))
    for kept_in in BUDGET_BYTES:
        _replay(stage, section, vhost, kept_in, MANY)
    return section


def _replay(stage: Stage, section: Section, vhost: str, kept_in: str, results: int) -> None:
    """Start a gateway and wait until it has caught up. Its start counts, until it listens."""
    with Cluster(stage.broker, stage.new_directory(), vhost) as cluster:
        gateway = cluster.gateway(GATEWAY_RESULT_CACHE_BYTES=str(BUDGET_BYTES[kept_in]))
        asyncio.run(gateway.shows("/livez", 200))
        listening_s = time.perf_counter()
        asyncio.run(gateway.ready(READY_TIMEOUT_S))
        replay_s = time.perf_counter() - listening_s
        count = floatToGoString(results)  # type: ignore[no-untyped-call]
        asyncio.run(gateway.reads(f'predictmq_results{{body="{_BODY[kept_in]}"}} {count}'))
        sample = {"rss_bytes": float(rss_bytes(gateway.pid)), "cpu_s": cpu_s(gateway.pid)}
    if results:
        sample |= {"replay_s": replay_s, "per_s": results / replay_s}
    section.add(series(kept_in), results, sample)


_BODY: Final = {"memory": "memory", "offsets": "stream"}
"""The place of the results' bodies → its name in the gateway's metric."""
