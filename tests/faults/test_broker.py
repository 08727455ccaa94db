"""The broker ends, restarts, or starts late: no call fails, nothing is lost (P2, P6)."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.faults.harness.trial import Trial

END: Final[dict[str, Callable[[PrivateBroker], None]]] = {
    "killed": PrivateBroker.kill,
    "stopped": PrivateBroker.stop,
}
SYNC_CALLS: Final = 200
ASYNC_CALLS: Final = 1000
AT_ONCE: Final = 16
DEADLINE_S: Final = 80.0
"""Enough for a broker to start and a model to do all of it, on a busy machine."""


@pytest.mark.long
@pytest.mark.parametrize("end", END)
async def test_p2_p4_p6_a_broker_restart_fails_no_call_and_loses_no_prediction(
    own_broker: PrivateBroker,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    end: str,
) -> None:
    await asyncio.to_thread(own_broker.start)
    async with Trial(
        own_broker, tmp_path, record_property, vhost="/", deadline_s=DEADLINE_S
    ) as trial:
        gateways = trial.gateway(), trial.gateway()
        predictors = [trial.predictor(PREDICTOR_CONCURRENCY=str(AT_ONCE)) for _ in range(2)]
        await trial.begin()
        gate = tmp_path / "gate"
        await asyncio.gather(*trial.start(ASYNC_CALLS, is_async=True, until=str(gate)))
        sync = trial.start(SYNC_CALLS, until=str(gate))
        for gateway in gateways:
            await gateway.reads(f"predictmq_pending_calls {SYNC_CALLS / len(gateways)}")
        for predictor in predictors:
            await predictor.reads(f"predictmq_model_calls_running {AT_ONCE}.0")
        await asyncio.to_thread(own_broker.write_tables)
        await asyncio.to_thread(END[end], own_broker)
        for service in (*gateways, *predictors):
            await service.shows("/readyz", 503)
        assert not any(call.done() for call in sync)
        gate.touch()
        await asyncio.to_thread(own_broker.start)
        await trial.check(sync_endings={200})
        assert trial.ledger.statuses(is_async=True) == [202] * ASYNC_CALLS
        for service in (*gateways, *predictors):
            assert "Traceback" not in service.log, service.log


@pytest.mark.long
async def test_p3_services_that_start_without_a_broker_refuse_in_time_and_connect_by_themselves(
    own_broker: PrivateBroker, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async with Trial(own_broker, tmp_path, record_property, vhost="/") as trial:
        gateways, predictor = (trial.gateway(), trial.gateway()), trial.predictor()
        for service in (*gateways, predictor):
            await service.shows("/livez", 200)
            await service.shows("/readyz", 503)
        early = await asyncio.gather(*trial.start(8), *trial.start(8, is_async=True))
        assert {call.status for call in early} == {503}
        refused = await trial.http(gateways[0]).post("/predict", json={"input": 1})
        assert refused.headers["retry-after"]
        await asyncio.to_thread(own_broker.start)
        await trial.begin()
        trial.start(8)
        trial.start(8, is_async=True)
        await trial.check(sync_endings={200, 503})


@pytest.mark.long
async def test_p6_requests_that_still_run_hold_up_no_sync_call_after_a_broker_restart(
    own_broker: PrivateBroker, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await asyncio.to_thread(own_broker.start)
    async with Trial(own_broker, tmp_path, record_property, vhost="/") as trial:
        runs, gate = tmp_path / "runs", tmp_path / "gate"
        gateway = trial.gateway()
        predictor = trial.predictor(PREDICTOR_CONCURRENCY="3", RUNS_FILE=str(runs))
        await trial.begin()
        running = await asyncio.gather(*trial.start(2, is_async=True, until=str(gate)))
        await predictor.reads("predictmq_model_calls_running 2.0")
        await asyncio.to_thread(own_broker.kill)
        for service in (gateway, predictor):
            await service.shows("/readyz", 503)
        await asyncio.to_thread(own_broker.start)
        for service in (gateway, predictor):
            await service.shows("/readyz", 200)
        calls = await asyncio.gather(*trial.start(4))
        assert {call.status for call in calls} == {200}
        gate.touch()
        await trial.check()
        nonces = runs.read_text().split()
        assert [nonces.count(call.nonce) for call in running] == [1, 1]
