"""SIGTERM to services under load: nothing is lost (P8)."""

from typing import Final

import pytest

from tests.faults.harness.ledger import NOBODY_LISTENED
from tests.faults.harness.trial import Trial

CALLERS: Final = 16
SOME: Final = 5 * CALLERS
"""Enough calls for several responses to each caller."""

BUSY: Final = "predictmq_model_calls_running 1.0"
ANSWERED: Final = frozenset({200})
REFUSED_OR_GONE: Final = frozenset({503, NOBODY_LISTENED})


@pytest.mark.parametrize("ending", ["gateway", "predictor", "both"])
async def test_p8_accepted_calls_are_answered_when_services_end_under_load(
    trial: Trial, ending: str
) -> None:
    gateways = trial.gateway(), trial.gateway()
    predictors = trial.predictor(), trial.predictor()
    await trial.begin()
    victims = {
        "gateway": gateways[:1],
        "predictor": predictors[:1],
        "both": (gateways[0], predictors[0]),
    }[ending]
    async with trial.traffic(CALLERS, sleep_s=0.02):
        await trial.ledger.grows(SOME)
        await predictors[0].reads(BUSY)
        for victim in victims:
            victim.terminate()
        for victim in victims:
            assert await victim.exit_code(timeout_s=20) == 0
            victim.start()
            await victim.ready()
        await trial.ledger.grows(SOME)
    turned_away = frozenset[int]() if ending == "predictor" else REFUSED_OR_GONE
    await trial.check(sync_endings=ANSWERED | turned_away)
    assert set(trial.ledger.statuses(is_async=True)) <= {202} | turned_away


async def test_p8_scaling_from_4_predictors_to_1_loses_nothing(trial: Trial) -> None:
    trial.gateway()
    staying, *leaving = (trial.predictor(PREDICTOR_CONCURRENCY="2") for _ in range(4))
    await trial.begin()
    async with trial.traffic(CALLERS, sleep_s=0.1):
        await trial.ledger.grows(SOME)
        for predictor in leaving:
            predictor.terminate()
        for predictor in leaving:
            assert await predictor.exit_code(timeout_s=20) == 0
        await trial.ledger.grows(SOME)
    trial.predictors = [staying]
    await trial.check(sync_endings=ANSWERED)
