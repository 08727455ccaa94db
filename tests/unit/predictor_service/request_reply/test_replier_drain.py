"""What a predictor that ends makes of a broker that goes away at the same time."""

import asyncio
from collections.abc import Sequence

import structlog

from common.amqp.channel import Delivery
from common.contract.announcement import ModelCard
from common.contract.messages import Request
from common.errors import ConnectionLost
from predictor_service.execution.invocation import ModelInput, OnProgress, Outcome, ignore_progress
from predictor_service.request_reply.progress_events import ProgressEvents
from predictor_service.request_reply.replier import Replier
from predictor_service.request_reply.replies import ReplySender
from predictor_service.scheduling.batching import Batching
from tests.support.fakes.scripted import ScriptedChannel, ScriptedLink

REQUEST = Request(
    correlation_id="c",
    body=b'{"input": 1}',
    reply_to="q",
    expiration_ms=60_000,
    timestamp_s=0,
    traceparent=None,
)


class GoneChannel(ScriptedChannel):
    """A channel whose connection is lost, which nobody has noticed yet."""

    is_open = True

    async def cancel(self, consumer_tag: str) -> None:
        raise ConnectionLost("The connection to the broker was lost.")


class Held:
    """An execution of one model, whose calls end when the test says so."""

    def __init__(self) -> None:
        self.cards: tuple[ModelCard, ...] = (ModelCard(name="m"),)
        self.broken = asyncio.Event()
        self.may_end = asyncio.Event()
        self.on_progress: OnProgress = ignore_progress

    async def run(self, model: str, questions: Sequence[ModelInput]) -> list[Outcome]:
        await self.may_end.wait()
        return [b"1" for _ in questions]

    def stop(self, correlation_id: str) -> None:
        """Nothing to stop."""

    def abandon(self) -> None:
        """Nothing to end."""


async def test_it_waits_for_what_runs_although_the_broker_cannot_be_told() -> None:
    held, link, channel = Held(), ScriptedLink(), GoneChannel()
    replier = Replier(held, ReplySender(link), ProgressEvents(link), 1, Batching(1, 0))
    await replier.attach(channel)
    channel.on_delivery(Delivery(REQUEST.to_message(), channel, 1))
    with structlog.testing.capture_logs() as logs:
        draining = asyncio.create_task(replier.drain(60))
        await asyncio.wait((draining,), timeout=0.05)
        assert not draining.done()
        held.may_end.set()
        await draining
    assert len(link.published) == 1
    assert "broker not told of the end" in [line["event"] for line in logs]
