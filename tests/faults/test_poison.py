"""A poison request: the broker gives it up, and its neighbours are answered (P5)."""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from tests.faults.harness.supervision import supervised
from tests.faults.harness.trial import Trial

MAX_DELIVERIES: Final = 4
PROBLEM: Final = {"Accept": "application/problem+json"}


async def _two_of_each(trial: Trial, runs: Path, concurrency: int) -> None:
    trial.gateway(), trial.gateway()
    for _ in range(2):
        trial.predictor(PREDICTOR_CONCURRENCY=str(concurrency), RUNS_FILE=str(runs))
    await trial.begin()


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_p5_a_poison_request_is_given_up_and_requests_prefetched_with_it_are_answered(
    trial: Trial, tmp_path: Path, concurrency: int
) -> None:
    runs = tmp_path / "runs"
    await _two_of_each(trial, runs, concurrency)
    async with supervised(trial.predictors):
        trial.start(10, is_async=True, sleep_s=0.05)
        (calling,) = trial.start(1, is_async=True, then="die")
        trial.start(10, is_async=True, sleep_s=0.05)
        poison = await calling
        for gateway in trial.gateways:
            path = f"/predict/{poison.prediction_id}"
            await gateway.shows(path, 502)
            told = (await trial.http(gateway).get(path, headers=PROBLEM)).json()
            assert told["code"] == "predictor_crashed"
    await trial.check(ends={poison.nonce: 502})
    assert 1 <= runs.read_text().split().count(poison.nonce) <= MAX_DELIVERIES


@pytest.mark.long
@pytest.mark.parametrize("concurrency", [1, 4])
async def test_p3_p5_only_the_caller_of_a_poison_request_meets_the_deadline(
    trial: Trial, tmp_path: Path, concurrency: int
) -> None:
    runs = tmp_path / "runs"
    await _two_of_each(trial, runs, concurrency)
    async with supervised(trial.predictors):
        neighbours = trial.start(4, sleep_s=0.05)
        (calling,) = trial.start(1, then="die")
        neighbours += trial.start(4, sleep_s=0.05)
        trial.start(10, is_async=True, sleep_s=0.05)
        assert (await calling).status == 504
        assert {call.status for call in await asyncio.gather(*neighbours)} == {200}
    await trial.check()
    assert 1 <= runs.read_text().split().count((await calling).nonce) <= MAX_DELIVERIES
