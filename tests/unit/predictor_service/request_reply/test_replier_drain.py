"""A predictor that ends while the broker goes away."""

import asyncio

import structlog

from common.amqp.channel import Delivery
from common.errors import ConnectionLost
from predictor_service.request_reply.progress_events import ProgressEvents
from predictor_service.request_reply.replier import Replier
from predictor_service.request_reply.replies import ReplySender
from predictor_service.scheduling.batching import Batching
from tests.support.fakes.requests import RequestChannel, request_of
from tests.support.fakes.runner import ScriptedRunner
from tests.support.fakes.scripted import ScriptedLink


class LostChannel(RequestChannel):
    """A channel whose connection is lost, before the predictor has noticed it."""

    async def cancel(self, consumer_tag: str) -> None:
        raise ConnectionLost("The connection to the broker was lost.")


async def test_a_drain_waits_for_the_requests_that_run_although_the_connection_is_lost() -> None:
    runner, link, channel = ScriptedRunner(), ScriptedLink(), LostChannel()
    replier = Replier(runner, ReplySender(link), ProgressEvents(link), 1, Batching(1, 0))
    await replier.attach(channel)
    channel.on_delivery(Delivery(request_of("c"), channel, 1))
    with structlog.testing.capture_logs() as logs:
        draining = asyncio.create_task(replier.drain(60))
        await asyncio.wait((draining,), timeout=0.05)
        assert not draining.done()
        runner.end_calls()
        await draining
    assert len(link.published) == 1
    assert "broker not told of the end" in [line["event"] for line in logs]
