"""Sync calls of a slow model: the throughput that each further predictor adds."""

import asyncio
from typing import Final

from tests.benchmarks.contenders import OURS, QUIET, Running
from tests.benchmarks.loaded import predict_body, put_under_load
from tests.benchmarks.sample import Section
from tests.benchmarks.stage import Stage
from tests.benchmarks.wrk import Call
from tests.support.harness.services import Cluster

PREDICTORS: Final = (1, 2, 4, 8)
MAX_ROUNDS: Final = 3
SLOW: Final = {"PREDICTOR_MODEL": "slow=tests.benchmarks.model:slow"}


def measure(stage: Stage) -> Section:
    """Add predictors to a running gateway; not interleaved, because they only come."""
    section = Section(min(stage.rounds, MAX_ROUNDS), stage.seconds)
    call = Call(predict_body(100))
    with Cluster(stage.broker, stage.new_directory()) as cluster:
        gateway = cluster.gateway(DEFAULT_MODEL="slow", **QUIET)
        asyncio.run(gateway.ready())
        running = Running(OURS["quorum"], gateway.url, {"gateway": gateway.pid})
        there = 0
        for count in PREDICTORS:
            added = [cluster.predictor(**SLOW, **QUIET) for _ in range(count - there)]
            there = count
            for predictor in added:
                asyncio.run(predictor.ready())
            for _ in range(section.rounds):
                put_under_load(stage, section, running, count, call)
    return section
