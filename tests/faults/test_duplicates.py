"""Messages that are duplicate, late or from a stranger: one visible result each (P1, P4)."""

import asyncio
import json
from typing import Any, Final

from aio_pika.abc import AbstractChannel

from tests.faults.harness.ledger import Call
from tests.faults.harness.stranger import LANES, send, take
from tests.faults.harness.stream import REPLIES
from tests.faults.harness.trial import Trial
from tests.support.harness.broker.raw import raw_channel
from tests.support.harness.calls import final

FORGED: Final = "01a2078f-09a1-8855-b69d-b3925daa09cd"
NO_UUID: Final = "from-a-stranger"
NONSENSE: Final[tuple[dict[str, Any], ...]] = (
    {"type": "prediction.succeeded", "body": b'{"input": 1, "result": 2}'},
    {"type": "prediction.failed", "body": b'{"code": "model_failed", "error": "No."}'},
    {"type": "prediction.failed", "body": b"not JSON"},
    {"type": "prediction.request", "body": b""},
    {"type": "nonsense", "body": b""},
    {"body": b""},
)


async def test_p1_p4_a_request_that_is_delivered_twice_has_one_result(trial: Trial) -> None:
    trial.deadline_s = 60  # none of the copies expires before the predictor is there again
    gateways, predictor = (trial.gateway(), trial.gateway()), trial.predictor()
    await trial.begin()
    predictor.kill()
    trial.start(1), trial.start(1, is_async=True)
    async with raw_channel(trial.broker, trial.vhost) as stranger:
        for lane in LANES:
            await _duplicate(stranger, lane)
    predictor.start()
    await trial.check(sync_endings={200})
    await gateways[0].reads("predictmq_late_replies_total 2.0")


async def test_p1_p4_a_second_or_a_strangers_reply_changes_no_result(trial: Trial) -> None:
    trial.gateway(), trial.gateway()
    predictor = trial.predictor()
    await trial.begin()
    async with raw_channel(trial.broker, trial.vhost) as stranger:
        (done,) = await asyncio.gather(*trial.start(1, is_async=True))
        before = (await final(trial.http(trial.gateways[0]), done.prediction_id)).text
        await _reply(stranger, done, by="a stranger, too late")
        running = trial.start(1, is_async=True, sleep_s=2)
        await predictor.reads("predictmq_model_calls_running 1.0")
        for number in range(3):
            await _reply(stranger, await running[0], by=f"a stranger, number {number}")
        for strange_id in (FORGED, NO_UUID, ""):
            for message in NONSENSE:
                await send(stranger, REPLIES, correlation_id=strange_id, **message)
    await trial.check(strange_ids={FORGED, NO_UUID, ""})
    for gateway in trial.gateways:
        http = trial.http(gateway)
        assert (await http.get(f"/predict/{done.prediction_id}")).text == before
        told = await http.get(f"/predict/{(await running[0]).prediction_id}")
        assert told.json()["output"]["input"]["by"] == "a stranger, number 0"
        await gateway.reads('predictmq_results_recorded_total{state="succeeded"} 2.0')
        await gateway.reads('predictmq_results_recorded_total{state="failed"} 0.0')


async def test_p3_p4_a_late_or_a_strangers_reply_reaches_no_caller(trial: Trial) -> None:
    trial.deadline_s = 3
    gateway, predictor = trial.gateway(), trial.predictor()
    await trial.begin()
    (slow,) = trial.start(1, sleep_s=5)
    await predictor.reads("predictmq_model_calls_running 1.0")
    waiting = trial.start(1)
    async with raw_channel(trial.broker, trial.vhost) as stranger:
        request = await take(stranger, LANES[0])
        assert request.reply_to
        for strange_id in (FORGED, NO_UUID, ""):
            for message in NONSENSE:
                await send(stranger, request.reply_to, correlation_id=strange_id, **message)
        await request.reject(requeue=True)
    assert {(await call).status for call in (slow, *waiting)} == {504}
    # All that was a reply, and that of the one that ran beyond its caller's deadline.
    strangers = 3 * sum("." in message.get("type", "") for message in NONSENSE[:3])
    await gateway.reads(f"predictmq_late_replies_total {strangers + 1}.0")
    await trial.check(strange_ids={FORGED, NO_UUID})


async def _duplicate(stranger: AbstractChannel, queue: str) -> None:
    """Deliver the request in ``queue`` two more times, each told from the others by its input."""
    request = await take(stranger, queue)
    body = json.loads(request.body)
    for copy in range(2):
        changed = body | {"input": body["input"] | {"copy": copy}}
        await send(
            stranger,
            queue,
            body=json.dumps(changed).encode(),
            type=request.type,
            correlation_id=request.correlation_id,
            reply_to=request.reply_to,
            expiration=request.expiration,
            timestamp=request.timestamp,
        )
    await request.reject(requeue=True)


async def _reply(stranger: AbstractChannel, call: Call, *, by: str) -> None:
    """Publish a reply to an accepted prediction in its predictor's place."""
    reply = {"input": {"nonce": call.nonce, "by": by}, "result": call.nonce}
    await send(
        stranger,
        REPLIES,
        body=json.dumps(reply).encode(),
        type="prediction.succeeded",
        correlation_id=call.prediction_id,
    )
