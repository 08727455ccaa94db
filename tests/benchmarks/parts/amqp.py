"""The round trip over the broker alone: our client and predictor, and a pair of bare aiormq."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from common.contract.topology import model_queues, sync_queue
from tests.benchmarks.contenders import NOOP, QUIET, START_TIMEOUT_S
from tests.benchmarks.program import Command, ProgramFailed, running
from tests.benchmarks.sample import Sample, Section
from tests.benchmarks.stage import Stage
from tests.benchmarks.usage import cpu_s
from tests.support.harness.broker.raw import raw_channel
from tests.support.harness.services import ROOT, Cluster

IN_FLIGHT: Final = (1, 32)
MARGIN_S: Final = 30
QUEUE: Final = sync_queue("noop")
LANES: Final = ("quorum", "classic")
LIMITS: Final = "tests.benchmarks.limits"


@dataclass(frozen=True)
class Pair:
    """A predictor that runs, and the client that is started anew for each measurement."""

    name: str
    client: str
    environment: dict[str, str]
    predictor_pid: int


def measure(stage: Stage) -> Section:
    """Measure both pairs on both types of queue, interleaved."""
    section = Section(stage.rounds, stage.seconds)
    with ExitStack() as stack:
        pairs = [stack.enter_context(_our_pair(stage, lane)) for lane in LANES]
        pairs += [stack.enter_context(_bare_pair(stage, lane)) for lane in LANES]
        for _ in section.each_round():
            for pair in pairs:
                for in_flight in IN_FLIGHT:
                    section.add(pair.name, in_flight, _run_client(stage, pair, in_flight))
    return section


@contextmanager
def _our_pair(stage: Stage, lane: str) -> Iterator[Pair]:
    vhost = stage.new_vhost()
    with Cluster(stage.broker, stage.new_directory(), vhost) as cluster:
        predictor = cluster.predictor(**NOOP, **QUIET, RABBITMQ_SYNC_QUEUE_TYPE=lane)
        asyncio.run(predictor.ready())
        yield Pair(f"ours-{lane}", "our_client", stage.login(vhost), predictor.pid)


@contextmanager
def _bare_pair(stage: Stage, lane: str) -> Iterator[Pair]:
    """Start the bare pair on a queue with the arguments of ours."""
    vhost = stage.new_vhost()
    asyncio.run(_declare(stage, vhost, lane))
    environment = {"BENCH_AMQP_URL": stage.amqp_url(vhost), "BENCH_QUEUE": QUEUE}
    arguments = (sys.executable, "-m", f"{LIMITS}.bare_predictor")
    command = Command("predictor", arguments, ROOT, environment)
    with running([command], stage.new_directory()) as [predictor]:
        predictor.wait_until(partial(stage.has_consumer, vhost), START_TIMEOUT_S)
        yield Pair(f"bare-{lane}", "bare_client", environment, predictor.pid)


async def _declare(stage: Stage, vhost: str, lane: str) -> None:
    [queue] = [
        each
        for each in model_queues("noop", "quorum" if lane == "quorum" else "classic")
        if each.name == QUEUE
    ]
    async with raw_channel(stage.broker, vhost) as channel:
        await channel.declare_queue(queue.name, durable=True, arguments=queue.arguments)


def _run_client(stage: Stage, pair: Pair, in_flight: int) -> Sample:
    before_s = cpu_s(pair.predictor_pid)
    numbers = {"BENCH_IN_FLIGHT": str(in_flight), "BENCH_SECONDS": str(stage.seconds)}
    done = subprocess.run(
        [sys.executable, "-m", f"{LIMITS}.{pair.client}"],
        cwd=ROOT,
        env=os.environ | pair.environment | numbers,
        capture_output=True,
        text=True,
        timeout=stage.seconds + MARGIN_S,
        check=False,
    )
    if done.returncode != 0:
        raise ProgramFailed(f"the client of {pair.name} ended: {done.stderr[-500:]}")
    sample: Sample = json.loads(done.stdout.splitlines()[-1])
    used_s = cpu_s(pair.predictor_pid) - before_s
    return sample | {"cpu_predictor_us": used_s * 1e6 / sample.pop("calls")}
