"""Connections, channels and queues taken from a service by the broker or its operator.

The service recovers at once where that is possible, and no call fails; else it is not ready
until then.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from common.contract.topology import PRESENCE, ROLL_CALLS, async_queue, sync_queue
from tests.faults.harness.calls_under_way import calls_under_way
from tests.faults.harness.losses import all_losses
from tests.faults.harness.trial import Trial
from tests.support.harness.broker.server import (
    close_channels,
    close_connections,
    delete_queues,
    own_queues,
    permit,
)
from tests.support.harness.services import Service
from tests.support.harness.waiting import until

NOTICED_WITHIN_S: Final = 10.0
POLL_S: Final = 0.2

CONNECTIONS: Final = (
    "gateway publisher",
    "gateway consumer",
    "gateway archive",
    "predictor publisher",
    "predictor consumer",
)
MOST_CHANNELS: Final = 5
REPLY_QUEUES: Final = ""
"""The key of ``own_queues`` for reply queues, which have no binding."""

NO_CALL_FAILS: Final = frozenset({200})


async def _begin(trial: Trial) -> list[Service]:
    services = [trial.gateway(), trial.gateway(), trial.predictor(), trial.predictor()]
    await trial.begin()
    return services


async def _take_away(services: list[Service], take: Callable[[], int]) -> None:
    """Close or delete with ``take``; wait until the services have noticed and are ready again."""
    before = await all_losses(services)
    taken = await asyncio.to_thread(take)
    assert taken

    async def is_noticed() -> bool:
        return await all_losses(services) == before + taken

    await until(is_noticed, lambda: f"{taken} losses are noticed", NOTICED_WITHIN_S)
    for service in services:
        await service.ready()


@pytest.mark.long
async def test_p1_p6_a_connection_that_the_broker_closes_fails_no_call(trial: Trial) -> None:
    services = await _begin(trial)
    for name in CONNECTIONS:
        await calls_under_way(trial)
        await _take_away(services, partial(close_connections, trial.broker, trial.vhost, name))
    await trial.check(sync_endings=NO_CALL_FAILS)


@pytest.mark.long
async def test_p1_p6_a_channel_that_the_broker_closes_fails_no_call(trial: Trial) -> None:
    services = await _begin(trial)
    for number in range(1, MOST_CHANNELS + 1):
        await calls_under_way(trial)
        await _take_away(services, partial(close_channels, trial.broker, trial.vhost, number))
    await trial.check(sync_endings=NO_CALL_FAILS)


@pytest.mark.long
async def test_p1_p6_a_deleted_exclusive_queue_fails_no_call(trial: Trial) -> None:
    services = await _begin(trial)
    for exchange in (REPLY_QUEUES, PRESENCE, ROLL_CALLS):
        queues = (await asyncio.to_thread(own_queues, trial.broker, trial.vhost))[exchange]
        await calls_under_way(trial)
        await _take_away(services, partial(delete_queues, trial.broker, trial.vhost, queues))
    await trial.check(sync_endings=NO_CALL_FAILS)


async def test_p1_p7_a_deleted_queue_is_declared_again_and_running_requests_are_answered(
    trial: Trial, tmp_path: Path
) -> None:
    trial.gateway(), trial.gateway()
    predictor = trial.predictor(PREDICTOR_CONCURRENCY="2")  # it takes more while it runs one
    await trial.begin()
    for lane in (sync_queue, async_queue):
        queue, deleted = lane("scripted"), tmp_path / lane("is deleted")
        running = trial.start(1, is_async=lane is async_queue, until=str(deleted))
        await predictor.reads("predictmq_model_calls_running 1.0")
        await _take_away([predictor], partial(delete_queues, trial.broker, trial.vhost, {queue}))
        deleted.touch()
        await asyncio.gather(*running, *trial.start(4), *trial.start(4, is_async=True))
    await trial.check(sync_endings=NO_CALL_FAILS)


async def test_p2_p7_a_gateway_declares_a_deleted_queue_again_when_no_predictor_runs(
    trial: Trial,
) -> None:
    trial.gateway(), trial.gateway()
    predictor = trial.predictor()
    await trial.begin()
    predictor.kill()
    queues = {sync_queue("scripted"), async_queue("scripted")}
    await asyncio.to_thread(delete_queues, trial.broker, trial.vhost, queues)
    for gateway in trial.gateways:

        async def accepts(gateway: Service = gateway) -> bool:
            (calling,) = trial.start(1, of=gateway, is_async=True)
            call = await calling
            assert call.status in (202, 503), call
            return call.status == 202

        await until(accepts, lambda: "a call is accepted", NOTICED_WITHIN_S, POLL_S)
    predictor.start()
    await trial.check()


@pytest.mark.long
async def test_p3_services_without_permissions_are_not_ready_and_recover_by_themselves(
    trial: Trial,
) -> None:
    services = await _begin(trial)
    nothing = partial(permit, trial.broker, trial.vhost, writing_to="^$", all_else="^$")
    await asyncio.to_thread(nothing)
    await asyncio.to_thread(trial.broker.ctl, "close_all_connections", "--vhost", trial.vhost, "")
    for service in services:
        await service.shows("/readyz", 503)
    calls = await asyncio.gather(*trial.start(4), *trial.start(4, is_async=True))
    assert {call.status for call in calls} == {503}
    await asyncio.to_thread(permit, trial.broker, trial.vhost)
    await trial.check()
