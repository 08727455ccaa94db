"""The soak test: load with random mishaps, a count of losses, and the growth of memory.

``python -m tests.faults.soak --minutes 10`` prints a table with a line a minute, and a verdict. It
exits with 1 if anything was lost, duplicated, foreign or late, or if memory grew. ``--seed``
repeats the order of mishaps.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from tests.faults.harness.checker import Findings, compare
from tests.faults.harness.stream import first_events
from tests.faults.soak.deployment import DEADLINE_S, MISHAPS, Deployment
from tests.faults.soak.load import Load
from tests.support.harness.services import Service

CALM_S: Final = 5.0
"""The time without a fault between two mishaps."""

GROWTH: Final = 1.1
"""The highest ratio of the last minute's memory to the third's."""

MEMORY: Final = "process_resident_memory_bytes"
COLUMNS: Final = {
    "MB": (MEMORY, 1e6),
    "fds": ("process_open_fds", 1),
    "tasks": ("predictmq_tasks", 1),
}
SERVICES: Final = ("steady gateway", "gateway", "steady predictor", "predictor")


async def soak(minutes: int, seed: int, directory: Path) -> bool:
    """Run the soak test and print its table; returns whether every promise was kept."""
    chance = random.Random(seed)
    async with Deployment.open(directory) as deployment:
        load = Load(deployment.gateways, deployment.services)
        print(f"seed {seed}; {', '.join(SERVICES)}; medians of each minute", flush=True)
        async with load.running():
            for minute in range(1, minutes + 1):
                mishaps = await _minute(load, deployment, chance, minute * 60)
                print(_line(load, deployment, minute, mishaps), flush=True)
        events = await first_events(deployment.broker, "/")
        findings = compare(load.ledger, load.answers, events, DEADLINE_S)
        growth = [_growth(load, steady, minutes) for steady in deployment.steady]
    print(_verdict(load, findings, growth))
    return not str(findings) and all(ratio <= GROWTH for ratio in growth)


async def _minute(
    load: Load, deployment: Deployment, chance: random.Random, end_s: float
) -> Counter[str]:
    """Cause random mishaps until ``end_s``; returns how often each happened."""
    mishaps = Counter[str]()
    while load.passed_s < end_s - CALM_S:
        mishap = chance.choice(MISHAPS)
        await mishap(deployment, chance)
        await deployment.ready()
        mishaps[mishap.__name__] += 1
        await asyncio.sleep(CALM_S)
    await asyncio.sleep(max(0.0, end_s - load.passed_s))
    return mishaps


def _median(load: Load, service: Service, minute: int, metric: str) -> float:
    values = [
        metrics[metric]
        for second, metrics in load.samples[service]
        if minute - 1 <= second / 60 < minute
    ]
    return statistics.median(values) if values else float("nan")


def _line(load: Load, deployment: Deployment, minute: int, mishaps: Counter[str]) -> str:
    cells = [f"{minute:3} min", f"{len(load.ledger.calls):7} calls"]
    for column, (metric, unit) in COLUMNS.items():
        values = (_median(load, each, minute, metric) / unit for each in deployment.services)
        cells.append(column + " ".join(f"{value:6.0f}" for value in values))
    return " | ".join([*cells, ", ".join(f"{count} {name}" for name, count in mishaps.items())])


def _growth(load: Load, service: Service, minutes: int) -> float:
    """Return the ratio of the last minute's memory to the third's: caches fill until then."""
    return _median(load, service, minutes, MEMORY) / _median(load, service, min(3, minutes), MEMORY)


def _verdict(load: Load, findings: Findings, growth: list[float]) -> str:
    ledger = load.ledger
    statuses = {
        mode: dict(sorted(Counter(ledger.statuses(is_async=is_async)).items()))
        for mode, is_async in (("sync", False), ("async", True))
    }
    return (
        f"calls by status {statuses} (0: the gateway was killed); accepted {len(ledger.accepted)}; "
        f"lost {len(findings.lost)}, duplicated {len(findings.duplicated)}, "
        f"foreign {len(findings.foreign)}, late {len(findings.late)}; memory of the last minute by "
        f"the third's: {', '.join(f'{ratio:.2f}' for ratio in growth)}\n{findings}"
    )


def main() -> int:
    """Read the command line and run; returns the exit code."""
    arguments = argparse.ArgumentParser("python -m tests.faults.soak", description=__doc__)
    arguments.add_argument("--minutes", type=int, default=10)
    arguments.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        return 0 if asyncio.run(soak(given.minutes, given.seed, Path(directory))) else 1


if __name__ == "__main__":
    sys.exit(main())
