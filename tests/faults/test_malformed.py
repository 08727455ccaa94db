"""Messages that are no requests of the contract: rejected once each, without other effect (P9)."""

from typing import Any, Final

import pytest

from tests.faults.harness.stranger import LANES, REQUEST, send, take
from tests.faults.harness.trial import Trial
from tests.support.harness.broker.raw import publish_unreadable, raw_channel
from tests.support.harness.waiting import until

PARKED: Final = "predictions.parked"

MALFORMED: Final[dict[str, dict[str, Any]]] = {
    "empty": {"body": b""},
    "not JSON": {"body": b"not JSON"},
    "no object": {"body": b"[1]"},
    "no input": {"body": b'{"nonce": 1}'},
    "too deep": {"body": b'{"input": ' + 100_000 * b"[" + 100_000 * b"]" + b"}"},
    "no reply_to": {"reply_to": None},
    "no correlation_id": {"correlation_id": None},
    "no type": {"type": None},
    "unknown type": {"type": "prediction.unknown"},
    "no expiration": {"expiration": None},
    "no timestamp": {"timestamp": None},
    "15 MB": {"body": b'{"input": {"nonce": "%b"}}' % (15_000_000 * b"x")},
    "15 MB of nothing": {"body": 15_000_000 * b" "},
}


@pytest.mark.parametrize("sync_queue_type", ["quorum", "classic"])
async def test_p9_malformed_requests_are_rejected_once_and_the_predictor_goes_on(
    trial: Trial, sync_queue_type: str
) -> None:
    """A classic queue has no delivery limit, and a request without expiration stays for ever."""
    kind = {"RABBITMQ_SYNC_QUEUE_TYPE": sync_queue_type}
    trial.gateway(**kind), trial.gateway(**kind)
    predictor = trial.predictor(**kind)
    await trial.begin()
    trial.start(4, is_async=True, sleep_s=0.1)
    async with raw_channel(trial.broker, trial.vhost) as stranger:
        for changes in MALFORMED.values():
            for lane in LANES:
                await send(stranger, lane, **REQUEST | changes)

        async def all_refused() -> bool:
            return predictor.log.count("request rejected") >= len(MALFORMED) * len(LANES)

        await until(all_refused, lambda: f"all are refused\n{predictor.log}")
        for _ in MALFORMED:
            # The sync lane keeps nothing: its caller meets the deadline.
            letter = await take(stranger, PARKED)
            assert letter.headers["x-first-death-reason"] == "rejected"
            await letter.ack()
        # From the async lane it would come to the stream, where this test cannot read it, either.
        await publish_unreadable(stranger, LANES[0])
        await predictor.reads('predictmq_unreadable_messages_total{connection="consumer"} 1.0')
        trial.start(4)
    await trial.check(sync_endings={200}, strange_ids={REQUEST["correlation_id"], ""})
    assert predictor.log.count("request rejected") == len(MALFORMED) * len(LANES)
    assert predictor.log.count("message not readable") == 1
    await predictor.reads("predictmq_redeliveries_total 0.0")
    async with raw_channel(trial.broker, trial.vhost) as operator:
        for lane in LANES:
            assert await (await operator.get_queue(lane, ensure=False)).get(fail=False) is None
        assert await (await operator.get_queue(PARKED)).get(fail=False) is None
