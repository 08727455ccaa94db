"""The wrong clock of one gateway: ids, deadlines and results stay as promised (P1, P3)."""

import asyncio
import time
from uuid import UUID

import pytest

from tests.faults.harness.ledger import Call
from tests.faults.harness.trial import Trial
from tests.support.harness.calls import final
from tests.support.harness.clock import clock_off_by

ASYNC_DEADLINE_S = 5


@pytest.mark.parametrize("minutes", [10, -10])
async def test_p1_p3_a_gateway_whose_clock_is_wrong_keeps_ids_deadlines_and_results(
    trial: Trial, minutes: int
) -> None:
    short = {"GATEWAY_ASYNC_DEADLINE_S": str(ASYNC_DEADLINE_S)}
    right = trial.gateway(**short)
    wrong = trial.gateway(**short, **clock_off_by(minutes))
    predictor = trial.predictor(PREDICTOR_CONCURRENCY="4")
    await trial.begin()
    finished = await asyncio.gather(*trial.start(20, is_async=True), *trial.start(20))
    assert {call.status for call in finished} == {200, 202}
    assert sorted({_minutes_off(call) for call in finished[:20]}) == sorted({0, minutes})
    for call in finished[:20]:
        assert (await final(trial.http(right), call.prediction_id)).status_code == 200
    predictor.kill()

    # Nobody starts these: by either clock they are pending at first, and then expired.
    expiring = await asyncio.gather(*trial.start(10, is_async=True))
    for call in expiring:
        for gateway in (right, wrong):
            answer = await trial.http(gateway).get(f"/predict/{call.prediction_id}")
            assert answer.status_code == 202, answer.text
    for call in expiring:
        assert (await final(trial.http(wrong), call.prediction_id)).status_code == 504

    for service in (right, wrong):
        service.kill()
        service.start()
    predictor.start()
    await trial.check(ends={call.nonce: 504 for call in expiring}, sync_endings=frozenset({200}))


def _minutes_off(call: Call) -> int:
    """Return the error of the clock from which the id of a prediction has its time."""
    minted_s = (UUID(call.prediction_id).int >> 80) / 1000
    return round((minted_s - time.time()) / 60)
