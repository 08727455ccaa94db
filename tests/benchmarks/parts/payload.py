"""Sync calls with growing inputs: the cost of each byte on its way there and back."""

import dataclasses
from typing import Final

from tests.benchmarks.contenders import CONSTANT, LOGGED, TITLES
from tests.benchmarks.loaded import contenders, predict_body, put_under_load
from tests.benchmarks.sample import Section
from tests.benchmarks.stage import Stage
from tests.benchmarks.wrk import Call

CONNECTIONS: Final = 8
SIZES_BYTES: Final = (100, 10_000, 900_000)
MAX_ROUNDS: Final = 3
MAX_SECONDS: Final = 2


def measure(stage: Stage) -> Section:
    """Measure all contenders that return their input, interleaved; shorter than other parts."""
    rounds, seconds = min(stage.rounds, MAX_ROUNDS), min(stage.seconds, MAX_SECONDS)
    stage = dataclasses.replace(stage, rounds=rounds, seconds=seconds)
    section = Section(rounds, seconds)
    names = [name for name in TITLES if name not in (CONSTANT, LOGGED)]
    with contenders(stage, section, names) as ready:
        for _ in section.each_round():
            for running in ready:
                for size_bytes in SIZES_BYTES:
                    call = Call(predict_body(size_bytes), CONNECTIONS)
                    put_under_load(stage, section, running, size_bytes, call)
    return section
