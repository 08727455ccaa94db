"""Whatever a peer with a login publishes, wherever: refused once, counted, without other effect."""

import json
from collections import Counter
from typing import Any, Final

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.faults.harness.poison import Poison, generated, publishing, request
from tests.faults.harness.trial import Trial
from tests.support.harness.broker.raw import raw_channel, table
from tests.support.harness.broker.server import own_queues
from tests.support.harness.calls import accepted, client, final
from tests.support.harness.metrics import read_samples
from tests.support.harness.services import Service
from tests.support.harness.waiting import until

GENERATED: Final = 120
"""Messages for each destination: some five seconds."""

STREAM: Final = "predictions.replies"
SYNC: Final = "predictions.scripted.sync"
ASYNC: Final = "predictions.scripted.async"
REPLY_QUEUE: Final = "the gateway's reply queue"
EXCHANGES: Final = (
    "predictions.dead-letters",
    "predictions.presence",
    "predictions.roll-calls",
    "predictions.cancellations",
)
TO_GATEWAY: Final = (STREAM, ASYNC, REPLY_QUEUE, *EXCHANGES[:2])
"""The destinations whose messages a gateway reads; those of the async lane as dead letters."""

TO_PREDICTOR: Final = (SYNC, ASYNC, *EXCHANGES[2:])
COUNTERS: Final = (
    "predictmq_unreadable_messages_total",
    "predictmq_ignored_messages_total",
    "predictmq_refused_announcements_total",
    "predictmq_rejected_requests_total",
)
FULL: Final = "full"

UNANSWERABLE: Final = {
    "nobody's": b"nobody's",
    "a byte": b"\0",
    "the longest": 255 * b"r",
    "the queue itself": SYNC.encode(),
    "the parked ones": b"predictions.parked",
    "a queue that stays full": FULL.encode(),
    "a direct reply-to without a token": b"amq.rabbitmq.reply-to.x",
    "a direct reply-to that is no Base64": b"amq.rabbitmq.reply-to.x.y",
    "a direct reply-to that is no term": b"amq.rabbitmq.reply-to.AAAA.AAAA",
}
"""Return addresses; a direct reply-to of nobody ends the connection of who replies to it."""

WRONG: Final[dict[str, Poison]] = {
    **{name: request(body) for name, body in {
        "empty": b"",
        "null": b"null",
        "true": b"true",
        "a number": b"1",
        "a string": b'"s"',
        "a list": b"[1]",
        "an empty object": b"{}",
        "no UTF-8": b'{"input": "\xff',
        "too deep for every Python": b'{"input": ' + 100_000 * b"[" + 100_000 * b"]" + b"}",
        "the largest message": 16 * 2**20 * b" ",
    }.items()},
    **{f"without {name}": request(**{name: None}) for name in (
        "correlation_id", "reply_to", "expiration", "timestamp", "type"
    )},
    "of another direction": request(type=b"prediction.succeeded"),
}  # fmt: skip
"""Requests that are refused."""


def lines(service: Service) -> list[dict[str, Any]]:
    """Return the warnings and errors in a log."""
    read = [json.loads(line) for line in service.log.split("\n") if line]
    return [line for line in read if line["level"] not in ("debug", "info")]


async def counted(service: Service, *names: str) -> float:
    """Return the sum of counters."""
    samples = await read_samples(service)
    return sum(sample.value for sample in samples if sample.name in names)


async def parked(broker: PrivateBroker, vhost: str) -> int:
    """Return the number of parked messages."""
    async with raw_channel(broker, vhost) as operator:
        queue = await operator.declare_queue("predictions.parked", passive=True)
        return int(queue.declaration_result.message_count or 0)


async def publish_everywhere(trial: Trial, poisons: list[Poison]) -> Counter[str]:
    """Publish each message to each destination; return how many the broker has taken."""
    (reply_queue,) = own_queues(trial.broker, trial.vhost)[""]
    taken: Counter[str] = Counter()
    async with publishing(trial.broker, trial.vhost) as stranger:
        for poison in poisons:
            for queue in (STREAM, SYNC, ASYNC, REPLY_QUEUE):
                address = reply_queue if queue == REPLY_QUEUE else queue
                taken[queue] += await stranger.publish(poison, address)
            for exchange in EXCHANGES:
                taken[exchange] += await stranger.publish(poison, "", exchange)
    return taken


async def refused(service: Service, expected: int) -> None:
    """Wait until a service has refused this many messages; each has to have one line, no more."""

    async def are_counted() -> bool:
        return await counted(service, *COUNTERS) >= expected

    await until(are_counted, lambda: f"{expected} are counted, {len(lines(service))} logged")
    assert await counted(service, *COUNTERS) == expected
    found = lines(service)
    assert len(found) == expected
    assert all("offset" in line or "delivery_tag" in line for line in found)
    from_stream = [line["offset"] for line in found if "offset" in line]
    assert len(set(from_stream)) == len(from_stream)
    assert await counted(service, "predictmq_broker_reconnects_total") == 0


async def test_p9_strange_messages_to_every_destination_stop_no_gateway_and_no_predictor(
    trial: Trial,
) -> None:
    gateway, predictor = trial.gateway(), trial.predictor()
    await trial.begin()
    async with client(gateway.url) as http:
        before = await accepted(http, {"nonce": "before"})
        assert (await final(http, before)).status_code == 200
        taken = await publish_everywhere(trial, generated(GENERATED))
        assert min(taken.values()) > GENERATED / 4, taken
        after = await accepted(http, {"nonce": "after"})
        assert (await final(http, after)).status_code == 200
        sync = await http.post("/predict", json={"input": {"nonce": "sync"}})
        assert sync.status_code == 200, sync.text
    await refused(gateway, sum(taken[each] for each in TO_GATEWAY))
    await refused(predictor, sum(taken[each] for each in TO_PREDICTOR))
    assert await parked(trial.broker, trial.vhost) == taken[ASYNC] + taken[EXCHANGES[0]]
    gateway.kill()
    gateway.start()
    await gateway.ready()
    async with client(gateway.url) as http:
        for prediction_id in (before, after):
            assert (await http.get(f"/predict/{prediction_id}")).status_code == 200
        sync = await http.post("/predict", json={"input": {"nonce": "restarted"}})
        assert sync.status_code == 200, sync.text
    assert await counted(gateway, "predictmq_broker_reconnects_total") == 0


async def test_p9_wrong_requests_are_rejected_once_on_both_lanes(trial: Trial) -> None:
    gateway, predictor = trial.gateway(), trial.predictor()
    await trial.begin()
    async with publishing(trial.broker, trial.vhost) as stranger:
        for poison in WRONG.values():
            for lane in (SYNC, ASYNC):
                assert await stranger.publish(poison, lane)
    await refused(predictor, 2 * len(WRONG))
    await refused(gateway, len(WRONG))
    assert await parked(trial.broker, trial.vhost) == len(WRONG)


async def test_p9_a_reply_that_nobody_takes_holds_up_no_other_request(trial: Trial) -> None:
    gateway, predictor = trial.gateway(), trial.predictor()
    await trial.begin()
    async with raw_channel(trial.broker, trial.vhost) as owner:
        arguments: dict[str, Any] = {"x-max-length": 1, "x-overflow": "reject-publish"}
        await owner.declare_queue(FULL, durable=True, arguments=arguments)
    async with publishing(trial.broker, trial.vhost) as stranger:
        assert await stranger.publish(Poison({"headers": table()}), FULL)
        for number, address in enumerate(UNANSWERABLE.values()):
            for lane in (SYNC, ASYNC):
                poison = request(reply_to=address, message_id=f"{number} {lane}".encode())
                assert await stranger.publish(poison, lane)

    async def are_settled() -> bool:
        ends = map(predictor.log.count, ("reply given up", "caller has left", "request rejected"))
        return tuple(ends) == (2, 6, 2 * 3 + 2)

    await until(are_settled, lambda: f"all are settled\n{predictor.log}")
    async with client(gateway.url) as http:
        sync = await http.post("/predict", json={"input": {"nonce": "sync"}})
        assert sync.status_code == 200, sync.text
    assert await counted(predictor, "predictmq_broker_reconnects_total") == 0
