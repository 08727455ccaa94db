"""A stranger on the queues: what is not of the contract harms nobody."""

from collections.abc import AsyncIterator
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from common.topology import PARKED, REPLIES, async_queue, sync_queue
from tests.local.broker import PrivateBroker
from tests.support.calls import accepted, client, final
from tests.support.raw import raw_channel
from tests.support.services import Cluster, new_vhost
from tests.support.waiting import until

VALID: dict[str, Any] = {
    "body": b'{"input": 1, "unknown field": true}',
    "type": "prediction.request",
    "correlation_id": "from-a-stranger",
    "reply_to": REPLIES,
    "expiration": 60,
    "timestamp": 1_700_000_000,
}


@pytest.fixture
def vhost(broker: PrivateBroker) -> str:
    return new_vhost(broker)


@pytest.fixture
async def stranger(broker: PrivateBroker, vhost: str) -> AsyncIterator[AbstractChannel]:
    async with raw_channel(broker, vhost) as channel:
        yield channel


async def _publish(channel: AbstractChannel, queue: str, **changes: Any) -> None:
    message = aio_pika.Message(**(VALID | changes))
    await channel.default_exchange.publish(message, queue)


async def test_malformed_requests_are_refused_once_and_the_predictor_goes_on(
    broker: PrivateBroker, vhost: str, stranger: AbstractChannel, tmp_path: Any
) -> None:
    malformed: list[dict[str, Any]] = [
        {"body": b""},
        {"body": b"not JSON"},
        {"body": b"[1]"},
        {"reply_to": None},
        {"correlation_id": None},
        {"type": "prediction.unknown"},
        {"expiration": None},
    ]
    with Cluster(broker, tmp_path, vhost) as cluster:
        gateway, predictor = cluster.gateway(), cluster.predictor()
        await gateway.ready()
        await predictor.ready()
        for changes in malformed:
            await _publish(stranger, async_queue("demo"), **changes)
            await _publish(stranger, sync_queue("demo"), **changes)
        async with client(gateway.url) as http:
            answer = await final(http, await accepted(http, "well-formed"))
            assert answer.status_code == 200
            assert (await http.post("/predict", json={"input": 1})).status_code == 200
        parked = await stranger.get_queue(PARKED)
        for _ in malformed:
            letter = await _get(parked)
            assert letter.headers["x-first-death-reason"] == "rejected"
            await letter.ack()
        assert predictor.log.count("request rejected") == 2 * len(malformed)
        assert predictor.is_running


async def test_a_request_with_unknown_extras_is_served(
    broker: PrivateBroker, vhost: str, stranger: AbstractChannel, tmp_path: Any
) -> None:
    with Cluster(broker, tmp_path, vhost) as cluster:
        await cluster.predictor().ready()
        replies = await stranger.declare_queue(exclusive=True)
        await _publish(
            stranger,
            async_queue("demo"),
            reply_to=replies.name,
            headers={"x-unknown": 1},
            user_id=broker.user,
        )
        reply = await _get(replies)
        assert reply.type == "prediction.succeeded"
        assert reply.correlation_id == "from-a-stranger"
        assert reply.body.startswith(b'{"input": 1, "result": "')


async def test_replies_for_ids_never_handed_out_are_ignored(
    broker: PrivateBroker, vhost: str, stranger: AbstractChannel, tmp_path: Any
) -> None:
    with Cluster(broker, tmp_path, vhost) as cluster:
        gateway = cluster.gateway()
        await gateway.ready()
        forged = "01a2078f-09a1-8855-b69d-b3925daa09cd"
        for kind in ("prediction.succeeded", "prediction.failed", "nonsense"):
            await _publish(stranger, REPLIES, correlation_id=forged, type=kind)
        async with client(gateway.url) as http:
            prediction_id = await accepted(http, 1)
            await _publish(
                stranger, REPLIES, correlation_id=prediction_id, type="prediction.succeeded"
            )
            assert (await final(http, prediction_id)).status_code == 200
            assert (await http.get(f"/predict/{forged}")).status_code == 404
        await gateway.reads('predictmq_results_recorded_total{state="succeeded"} 1.0')


async def test_the_first_final_state_wins_on_every_gateway(
    broker: PrivateBroker, vhost: str, stranger: AbstractChannel, tmp_path: Any
) -> None:
    with Cluster(broker, tmp_path, vhost) as cluster:
        one, other = cluster.gateway(), cluster.gateway()
        await one.ready()
        await other.ready()
        async with client(one.url) as a, client(other.url) as b:
            prediction_id = await accepted(a, 1)
            for number in range(3):
                await _publish(
                    stranger,
                    REPLIES,
                    correlation_id=prediction_id,
                    type="prediction.succeeded",
                    body=b'{"input": 1, "result": %d}' % number,
                )
            later = await accepted(a, 2)
            await _publish(stranger, REPLIES, correlation_id=later, type="prediction.succeeded")
            await final(b, later)
            await final(a, later)
            results = [(await final(g, prediction_id)).json()["output"]["result"] for g in (a, b)]
    assert results == [0, 0]


async def _get(queue: AbstractQueue) -> AbstractIncomingMessage:
    got: list[AbstractIncomingMessage] = []

    async def arrived() -> bool:
        message = await queue.get(fail=False)
        got.extend([message] if message else [])
        return bool(message)

    await until(arrived, lambda: f"a message in {queue.name}")
    return got[0]
