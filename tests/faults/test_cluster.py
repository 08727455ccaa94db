"""A node of a three-node cluster dies: the others go on (P1, P2, P3)."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.harness.nodes import Nodes
from tests.faults.harness.trial import Trial
from tests.support.harness.proxy import Proxy
from tests.support.harness.waiting import until

CALLERS = 8


@pytest.mark.long
async def test_p1_p2_p3_a_cluster_that_loses_each_leader_in_turn_loses_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    nodes = Nodes(tmp_path)
    first, *_ = nodes.all
    ports = [node.port for node in nodes.all]
    with nodes:
        async with (
            Proxy(first.host, *ports) as front,
            Trial(first, tmp_path, record_property, vhost="/") as trial,
        ):
            through = {"RABBITMQ_PORT": str(front.port)}
            trial.gateway(**through), trial.gateway(**through)
            for _ in range(3):
                trial.predictor(PREDICTOR_CONCURRENCY="4", **through)
            await trial.begin()
            queues = await asyncio.to_thread(nodes.queues)
            assert len(queues) == 4
            async with trial.traffic(CALLERS, every_s=0.5):
                for queue in queues:
                    await _lose_leader(nodes, trial, queue)
            await trial.check()


async def _lose_leader(nodes: Nodes, trial: Trial, queue: str) -> None:
    await until(lambda: asyncio.to_thread(nodes.is_whole), lambda: "all members run", 60)
    leader = await asyncio.to_thread(nodes.leader, queue)
    trial.start(10, sleep_s=0.1)
    accepting = trial.start(30, is_async=True, sleep_s=0.1)
    # From here on requests, replies and confirms are under way.
    await asyncio.wait(accepting, return_when=asyncio.FIRST_COMPLETED)
    leader.kill()
    for service in (*trial.gateways, *trial.predictors):
        await service.ready()
    await asyncio.to_thread(leader.start)
