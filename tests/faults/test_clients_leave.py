"""Clients that disconnect at any moment: they leak nothing, and no late request is run (P10)."""

import asyncio
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.faults.harness.ledger import CONNECTION_BROKE
from tests.faults.harness.trial import SYNC_ENDINGS, Trial

LEAVERS: Final = 500
AT_ONCE: Final = 50
BEGINNING: Final = b'{"input": '
HEAD: Final = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


async def test_p10_clients_who_leave_before_the_publish_leak_nothing(trial: Trial) -> None:
    gateway = trial.gateway()
    trial.predictor()
    await trial.begin()
    url = httpx.URL(gateway.url)
    for _ in range(LEAVERS // AT_ONCE):
        writers = [(await asyncio.open_connection(url.host, url.port))[1] for _ in range(AT_ONCE)]
        for number, writer in enumerate(writers):
            body = BEGINNING if number % 2 else b""
            writer.write(HEAD + b"Content-Length: 800\r\n\r\n" + body)
        await gateway.reads(f"predictmq_in_flight_bytes {AT_ONCE // 2 * len(BEGINNING)}.0")
        for writer in writers:
            writer.close()
        await gateway.reads("predictmq_in_flight_bytes 0.0")
    await trial.check(sync_endings=frozenset({200}))


@pytest.mark.parametrize("is_async", [False, True])
async def test_p10_clients_who_leave_around_the_publish_leak_nothing(
    trial: Trial, is_async: bool
) -> None:
    trial.gateway()
    trial.predictor(PREDICTOR_CONCURRENCY="4")
    await trial.begin()
    for _ in range(LEAVERS // AT_ONCE):
        calls = trial.start(AT_ONCE, is_async=is_async)
        for call in calls:  # one after the other: each leaves at another moment
            await asyncio.sleep(0.001)
            call.cancel()
        await asyncio.wait(calls)
    await trial.check(sync_endings=frozenset({200, CONNECTION_BROKE}))


@pytest.mark.long
async def test_p10_a_prediction_whose_sync_caller_has_left_is_not_run_after_its_deadline(
    trial: Trial, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    trial.deadline_s = 10.0
    gateway = trial.gateway()
    predictor = trial.predictor(RUNS_FILE=str(runs))
    await trial.begin()
    trial.start(1, is_async=True, sleep_s=4 * trial.deadline_s)
    await predictor.reads("predictmq_prefetch 0.0")  # it is busy, and takes nothing ahead
    for _ in range(LEAVERS // AT_ONCE):
        calls = trial.start(AT_ONCE)
        await gateway.reads(f"predictmq_pending_calls {AT_ONCE}.0")
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        await gateway.reads("predictmq_pending_calls 0.0")
    left = {call.nonce for call in trial.ledger.calls if call.status == CONNECTION_BROKE}
    assert len(left) == LEAVERS
    await predictor.reads("predictmq_model_calls_running 0.0", 5 * trial.deadline_s)
    await trial.check(sync_endings=SYNC_ENDINGS | {CONNECTION_BROKE})
    assert not left & set(runs.read_text().split())
