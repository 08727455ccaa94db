"""Sync calls: throughput, latency and cost, for one, some and many callers at once."""

from typing import Final

from tests.benchmarks.contenders import TITLES
from tests.benchmarks.loaded import contenders, predict_body, put_under_load, warm_up
from tests.benchmarks.sample import Section
from tests.benchmarks.stage import Stage
from tests.benchmarks.wrk import Call

CONNECTIONS: Final = (1, 32, 128)
BODY_BYTES: Final = 100


def measure(stage: Stage) -> Section:
    """Measure all contenders, interleaved: each number of callers once in each round."""
    section = Section(stage.rounds, stage.seconds)
    body = predict_body(BODY_BYTES)
    with contenders(stage, section, TITLES) as ready:
        for running in ready:
            warm_up(stage, running, Call(body))
        for _ in section.each_round():
            for running in ready:
                for connections in CONNECTIONS:
                    call = Call(body, connections)
                    put_under_load(stage, section, running, connections, call)
    return section
