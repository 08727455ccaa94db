"""A reply stream that loses events: clear responses, never wrong ones (P1, P4)."""

import asyncio
from typing import Any

import pytest

from tests.faults.harness.ledger import Call
from tests.faults.harness.stream import REPLIES, first_events
from tests.faults.harness.trial import Trial
from tests.support.harness.broker.raw import raw_channel
from tests.support.harness.calls import final
from tests.support.harness.services import Service
from tests.support.harness.waiting import until

NO_BODIES = {"GATEWAY_RESULT_CACHE_BYTES": "0"}


@pytest.mark.parametrize(
    ("settings", "status"), [(NO_BODIES, 404), ({}, 200)], ids=["in the stream", "in memory"]
)
async def test_p1_p4_a_deleted_stream_is_declared_anew_and_followed_from_its_beginning(
    trial: Trial, settings: dict[str, str], status: int
) -> None:
    one, frozen = trial.gateway(**settings), trial.gateway(**settings)
    predictor = trial.predictor(PREDICTOR_CONCURRENCY="4")
    await trial.begin()
    finished = await _finished(trial, 20, one, frozen)
    trial.start(4, is_async=True, sleep_s=3)
    trial.start(8, sleep_s=0.1)
    await predictor.reads("predictmq_model_calls_running 4.0")
    frozen.freeze()  # it hears of nothing until the new stream is longer than the old one was
    async with raw_channel(trial.broker, trial.vhost) as channel:
        await channel.queue_delete(REPLIES)
    await one.shows("/readyz", 503)
    await _finished(trial, 60, one)
    frozen.thaw()
    gone = {call.nonce for call in finished}
    await trial.check(ends=dict.fromkeys(gone, status), unrecorded=gone)


async def test_p1_p4_a_result_dropped_by_retention_is_not_found_and_never_replaced_by_another(
    trial: Trial,
) -> None:
    gateways = [trial.gateway(**NO_BODIES) for _ in range(2)]
    trial.predictor()
    await trial.begin()
    # More than one segment of the stream: retention drops whole ones, but never the last.
    calls = await _finished(trial, 24, *gateways, padding="x" * 900_000)
    policy = ("set_policy", "--vhost", trial.vhost, "short", REPLIES, '{"max-length-bytes": 1}')
    await asyncio.to_thread(trial.broker.ctl, *policy)
    dropped = set[str]()

    async def some_are_dropped() -> bool:
        left = await first_events(trial.broker, trial.vhost)
        dropped.update(call.nonce for call in calls if call.prediction_id not in left)
        return bool(dropped)

    await until(some_are_dropped, lambda: "retention drops something")
    assert len(dropped) < len(calls)
    await trial.check(ends=dict.fromkeys(dropped, 404), unrecorded=dropped)

    # One that knows only the stream has what is left of it, and nothing in place of the rest.
    restarted = gateways[0]
    restarted.kill()
    restarted.start()
    await restarted.ready()
    for call in calls:
        answers = [
            await trial.http(each).get(f"/predict/{call.prediction_id}") for each in gateways
        ]
        if call.nonce in dropped:
            assert [answer.status_code for answer in answers] == [202, 404]
        else:
            assert answers[0].text == answers[1].text


async def _finished(trial: Trial, count: int, *gateways: Service, **script: Any) -> list[Call]:
    """Make ``count`` async calls to the first gateway; wait until all gateways have the results."""
    calls = [
        trial.ledger.call(trial.http(gateways[0]), is_async=True, **script) for _ in range(count)
    ]
    accepted = await asyncio.gather(*calls)
    for call in accepted:
        for gateway in gateways:
            answer = await final(trial.http(gateway), call.prediction_id)
            assert answer.status_code == 200, answer.text
    return accepted
