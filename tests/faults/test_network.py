"""Faults of the network between one service and the broker; the others are unaffected.

Every kind of failure befalls a gateway beside another gateway, and a predictor beside another
predictor (P3, P4, P6).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.faults.harness.calls_under_way import calls_under_way
from tests.faults.harness.losses import losses, notices
from tests.faults.harness.trial import Trial
from tests.support.harness.proxy import Fault, Proxy
from tests.support.harness.services import Service
from tests.support.harness.waiting import until

NOTICED_WITHIN_S: Final = 40.0
NOTICED_AT_ONCE_S: Final = 10.0
ANSWERED: Final = frozenset({200})

SILENT: Final = (Fault.BLACKHOLE_UP, Fault.BLACKHOLE_DOWN, Fault.BLACKHOLE, Fault.HALF_OPEN)
SLOW: Final = (Fault.LATENCY, Fault.ONE_BYTE)
SUDDEN: Final = (
    Fault.RESET,
    pytest.param(Fault.CUT_UP, marks=pytest.mark.long),
    pytest.param(Fault.CUT_DOWN, marks=pytest.mark.long),
)

by_side = pytest.mark.parametrize("side", ["gateway", "predictor"])


def by_fault(*faults: Any) -> pytest.MarkDecorator:
    """Parametrize a test with faults, or faults with marks, by their names."""
    return pytest.mark.parametrize("fault", faults, ids=lambda fault: fault.name.lower())


@pytest.fixture
async def proxy(trial: Trial) -> AsyncIterator[Proxy]:
    """The proxy between one service and the broker."""
    async with Proxy(trial.broker.host, trial.broker.port) as opened:
        yield opened


def _one_behind(proxy: Proxy, trial: Trial, side: str) -> Service:
    """Start two gateways and two predictors; returns the one of ``side`` behind the proxy."""
    behind = {"RABBITMQ_PORT": str(proxy.port)}
    gateways = trial.gateway(**(behind if side == "gateway" else {})), trial.gateway()
    predictors = trial.predictor(**(behind if side == "predictor" else {})), trial.predictor()
    return gateways[0] if side == "gateway" else predictors[0]


@pytest.mark.long
@by_side
@by_fault(*SILENT)
async def test_p3_p4_a_silent_network_is_noticed_and_keeps_no_call_beyond_its_deadline(
    trial: Trial, proxy: Proxy, fault: Fault, side: str
) -> None:
    beyond = _one_behind(proxy, trial, side)
    await trial.begin()
    before = await losses(beyond)
    await calls_under_way(trial)
    proxy.inject(fault)
    trial.start(4, is_async=True)
    unaffected = trial.start(4, of=trial.gateways[1]) if side == "gateway" else []
    trial.start(4)
    await notices(beyond, before, before.keys(), NOTICED_WITHIN_S)
    if fault is not Fault.HALF_OPEN:  # where a new connection passes
        await beyond.shows("/readyz", 503)
        trial.start(2), trial.start(2, is_async=True)
    proxy.inject(Fault.NONE)
    assert {(await call).status for call in unaffected} <= ANSWERED
    await trial.check()


@by_side
@by_fault(*SUDDEN)
async def test_p4_p6_a_connection_that_is_cut_fails_no_call(
    trial: Trial, proxy: Proxy, fault: Fault, side: str
) -> None:
    cut = _one_behind(proxy, trial, side)
    await trial.begin()
    before = await losses(cut)
    await calls_under_way(trial)
    proxy.inject(fault)

    async def is_noticed() -> bool:
        return await losses(cut) != before

    await until(is_noticed, lambda: "a lost connection is noticed", NOTICED_AT_ONCE_S)
    await trial.check(sync_endings=ANSWERED)
    assert not {503, 504} & set(trial.ledger.statuses(is_async=True))


@pytest.mark.long
@by_side
@by_fault(*SLOW)
async def test_p3_p4_a_slow_network_fails_no_call_and_loses_no_connection(
    trial: Trial, proxy: Proxy, fault: Fault, side: str
) -> None:
    proxy.inject(fault)
    slow = _one_behind(proxy, trial, side)
    await trial.begin()
    before = await losses(slow)
    await calls_under_way(trial)
    await asyncio.gather(*trial.start(8), *trial.start(8, is_async=True))
    await trial.check(sync_endings=ANSWERED)
    assert await losses(slow) == before
