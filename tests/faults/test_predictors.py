"""Killed predictors: their requests are redelivered and answered (P5)."""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from tests.faults.harness.trial import Trial
from tests.support.harness.broker.server import NO_MESSAGES, close_connections, permit
from tests.support.harness.waiting import until

OUTAGE_S: Final = 30


async def test_p5_a_predictor_killed_mid_prediction_loses_nothing(trial: Trial) -> None:
    trial.gateway(), trial.gateway()
    victim, _ = trial.predictor(), trial.predictor()
    await trial.begin()
    trial.start(8, sleep_s=0.5)
    trial.start(20, is_async=True, sleep_s=0.2)
    await victim.reads("predictmq_model_calls_running 1.0")
    victim.kill()
    victim.start()
    await trial.check(sync_endings=frozenset({200}))


async def test_p5_a_predictor_killed_before_its_reply_is_confirmed_loses_nothing(
    trial: Trial, tmp_path: Path
) -> None:
    trial.gateway(), trial.gateway()
    predictor, answer = trial.predictor(), tmp_path / "answer"
    await trial.begin()
    await asyncio.gather(*trial.start(1, is_async=True, until=str(answer)))
    await predictor.reads("predictmq_model_calls_running 1.0")
    await asyncio.to_thread(permit, trial.broker, trial.vhost, writing_to=NO_MESSAGES)
    await asyncio.to_thread(close_connections, trial.broker, trial.vhost, "predictor publisher")
    answer.touch()

    async def cannot_answer() -> bool:
        return "reply not sent yet" in predictor.log

    await until(cannot_answer, lambda: "the reply is refused")
    predictor.kill()
    await asyncio.to_thread(permit, trial.broker, trial.vhost)
    predictor.start()
    await trial.check()


@pytest.mark.long
async def test_p3_p5_sync_calls_end_in_time_and_async_ones_complete_after_30_s_without_predictors(
    trial: Trial,
) -> None:
    trial.gateway(), trial.gateway()
    predictors = trial.predictor(), trial.predictor()
    await trial.begin()
    held = trial.start(2, sleep_s=10)
    trial.start(20, is_async=True, sleep_s=0.2)
    for predictor in predictors:
        await predictor.reads("predictmq_model_calls_running 1.0")
    for predictor in predictors:
        predictor.kill()
    for _ in range(OUTAGE_S):
        trial.start(2)
        trial.start(2, is_async=True)
        await asyncio.sleep(1)  # the outage is as long as the matrix says
    assert {(await call).status for call in held} == {504}
    for predictor in predictors:
        predictor.start()
    await trial.check()
    # At first they are still listed as live; later a model without a replica is refused at once.
    assert {503, 504} <= set(trial.ledger.statuses(is_async=False))
    assert set(trial.ledger.statuses(is_async=True)) == {202}
