"""The broker runs out of memory and takes no messages for a while (P3, P7)."""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from tests.faults.harness.ledger import Call
from tests.faults.harness.trial import Trial
from tests.support.harness.broker.alarm import memory_alarm
from tests.support.harness.calls import ASYNC, final
from tests.support.harness.waiting import until

DEADLINE_S: Final = 5.0
ASYNC_DEADLINE_S: Final = 10
AT_ONCE_S: Final = 1.0
NOT_NOW: Final = "The message broker takes no requests now; try again later."


@pytest.mark.long
async def test_p3_p7_a_memory_alarm_refuses_calls_and_holds_up_nothing_else(
    trial: Trial, tmp_path: Path
) -> None:
    trial.deadline_s = DEADLINE_S
    deadline = {"GATEWAY_ASYNC_DEADLINE_S": str(ASYNC_DEADLINE_S)}
    gateways = trial.gateway(**deadline), trial.gateway(**deadline)
    predictor = trial.predictor()
    await trial.begin()
    (done,) = await asyncio.gather(*trial.start(1, is_async=True))
    http = trial.http(gateways[0])
    before = await final(http, done.prediction_id)
    # What waits expires during the alarm; then what runs ends, and its reply cannot leave.
    ending = tmp_path / "ending"
    trial.start(1, is_async=True, until=str(ending))
    await predictor.reads("predictmq_model_calls_running 1.0")
    waiting = await asyncio.gather(*trial.start(10, is_async=True))
    async with memory_alarm(trial.broker):
        # The broker tells a connection that it is blocked when that publishes the next time.
        first = await asyncio.gather(*trial.start(4), *trial.start(4, is_async=True))
        assert {call.status for call in first} <= {503, 504}
        refused = await asyncio.gather(*trial.start(8), *trial.start(8, is_async=True))
        assert {call.status for call in refused} == {503}
        assert all(call.took_s < AT_ONCE_S for call in refused), refused
        for headers in ({}, ASYNC):
            answer = await http.post("/predict", json={"input": 1}, headers=headers)
            assert answer.headers["retry-after"]
        answer = await http.delete(f"/predict/{waiting[0].prediction_id}")
        assert (answer.status_code, answer.json()["error"]) == (503, NOT_NOW)
        after = await http.get(f"/predict/{done.prediction_id}")
        assert (after.status_code, after.text) == (200, before.text)
        await _until_expired(trial, waiting[-1])
        ending.touch()
        await predictor.reads("predictmq_model_calls_running 0.0")
        await _until_acknowledged(trial)
    await trial.check(ends={call.nonce: 504 for call in waiting})


async def _until_expired(trial: Trial, call: Call) -> None:
    """Wait until a call that no predictor started has expired at every gateway."""
    for gateway in trial.gateways:
        answer = await final(trial.http(gateway), call.prediction_id)
        assert answer.status_code == 504, answer.text


async def _until_acknowledged(trial: Trial) -> None:
    """Wait until the broker has every acknowledgement of the gateways."""
    columns = ("list_channels", "vhost", "messages_unacknowledged", "prefetch_count")

    async def all_arrived() -> bool:
        listed = await asyncio.to_thread(trial.broker.ctl, *columns)
        rows = [line.split("\t") for line in listed.splitlines()]
        return all(row[1] == "0" for row in rows if row[0] == trial.vhost and row[2] == "1000")

    await until(all_arrived, lambda: "the gateways' acknowledgements arrive")
