"""Services of a newer version beside ours: unknown additions are ignored (P1, P4)."""

import asyncio
import json
from typing import Any, Final

import aio_pika
from aio_pika.abc import AbstractChannel

from tests.faults.harness.stranger import LANES, REQUEST, send, take
from tests.faults.harness.trial import Trial
from tests.support.harness.broker.raw import raw_channel

NEWER: Final[dict[str, Any]] = {"headers": {"x-newer": [1, {"two": 3}]}, "app_id": "newer"}
ANNOUNCEMENT: Final = {
    "replica_id": "newer",
    "host": "elsewhere",
    "isolation": "another kind",
    "concurrency": 1,
    "max_batch": 1,
    "predictions": 0,
    "models": [{"name": "scripted", "newer": True}, {"name": "newer-model", "newer": True}],
    "newer": {"a": 1},
}


async def test_p1_p4_requests_replies_and_announcements_with_unknown_extras_are_served(
    trial: Trial,
) -> None:
    gateways, predictor = (trial.gateway(), trial.gateway()), trial.predictor()
    await trial.begin()
    async with raw_channel(trial.broker, trial.vhost) as newer:
        await _ask(newer)
        predictor.terminate()
        await predictor.exit_code(timeout_s=40)
        await _announce(newer)
        for gateway in gateways:
            await gateway.shows("/models/newer-model", 200)
        calls = [*trial.start(4), *trial.start(4, is_async=True)]
        for lane in LANES:
            for _ in range(4):
                await _answer(newer, lane)
        assert {call.status for call in await asyncio.gather(*calls)} == {200, 202}
    predictor.start()
    await trial.check(sync_endings={200})


async def _ask(newer: AbstractChannel) -> None:
    """Publish a request as a newer gateway, and check the reply of our predictor."""
    replies = await newer.declare_queue(exclusive=True)
    body = b'{"input": {"nonce": "n"}, "newer": true}'
    await send(newer, LANES[0], **REQUEST | NEWER | {"body": body, "reply_to": replies.name})
    reply = await take(newer, replies.name)
    assert (reply.type, reply.correlation_id, reply.body) == (
        "prediction.succeeded",
        REQUEST["correlation_id"],
        b'{"input": {"nonce": "n"}, "result": "n"}',
    )


async def _announce(newer: AbstractChannel) -> None:
    """Publish an announcement as a newer predictor."""
    presence = await newer.get_exchange("predictions.presence")
    await presence.publish(
        aio_pika.Message(
            body=json.dumps(ANNOUNCEMENT).encode(),
            type="predictor.announcement",
            correlation_id="newer",
            **NEWER,
        ),
        "",
    )


async def _answer(newer: AbstractChannel, lane: str) -> None:
    """Reply to a request of ours as a newer predictor."""
    request = await take(newer, lane)
    asked = json.loads(request.body)["input"]
    assert request.reply_to
    await send(
        newer,
        request.reply_to,
        body=json.dumps({"input": asked, "result": asked["nonce"], "newer": [1]}).encode(),
        type="prediction.succeeded",
        correlation_id=request.correlation_id,
        **NEWER,
    )
    await request.ack()
