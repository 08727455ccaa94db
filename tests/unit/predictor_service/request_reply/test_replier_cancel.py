"""A cancelled request is acknowledged and gets no reply, wherever it is by then."""

import asyncio

import pytest

from common.amqp.channel import Delivery
from predictor_service.request_reply.progress_events import ProgressEvents
from predictor_service.request_reply.replier import Replier
from predictor_service.request_reply.replies import ReplySender
from predictor_service.scheduling.batching import Batching
from tests.support.fakes.loops import TURNS
from tests.support.fakes.requests import RequestChannel, request_of
from tests.support.fakes.runner import ScriptedRunner
from tests.support.fakes.scripted import ScriptedLink


class CancellingReplier:
    """A replier with one slot, and the ids that are ``cancelled``."""

    def __init__(self) -> None:
        self.runner, self.link, self.channel = ScriptedRunner(), ScriptedLink(), RequestChannel()
        self.replies = ReplySender(self.link)
        self.cancelled: set[str] = set()
        self.replier = Replier(
            self.runner,
            self.replies,
            ProgressEvents(self.link),
            1,
            Batching(1, 0),
            self.cancelled,
        )

    async def deliver(self, *correlation_ids: str) -> None:
        """Deliver requests and let the first one begin."""
        await self.replier.attach(self.channel)
        for tag, correlation_id in enumerate(correlation_ids, 1):
            self.channel.on_delivery(Delivery(request_of(correlation_id), self.channel, tag))
        await self.turn()

    async def finish(self) -> list[str]:
        """Let all calls end; return the ids that got a reply."""
        self.runner.end_calls(9)
        await self.turn()
        assert not self.replier.running
        return [message.correlation_id for message in self.link.published]

    async def turn(self) -> None:
        for _ in range(4 * TURNS):
            await asyncio.sleep(0)


@pytest.fixture
async def one_slot() -> CancellingReplier:
    return CancellingReplier()


async def test_a_cancelled_request_that_waits_is_not_run(one_slot: CancellingReplier) -> None:
    await one_slot.deliver("first", "cancelled", "last")
    one_slot.cancelled.add("cancelled")
    assert await one_slot.finish() == ["first", "last"]
    assert one_slot.runner.calls == [["first"], ["last"]]
    assert one_slot.channel.acknowledged == 3
    assert one_slot.replies.outcomes == {"succeeded": 2, "cancelled": 1}


async def test_a_request_delivered_after_its_cancellation_is_not_run(
    one_slot: CancellingReplier,
) -> None:
    one_slot.cancelled.add("cancelled")
    await one_slot.deliver("cancelled")
    assert await one_slot.finish() == []
    assert one_slot.runner.calls == []
    assert one_slot.channel.acknowledged == 1


async def test_a_cancelled_request_that_cannot_be_stopped_runs_to_its_end_without_a_reply(
    one_slot: CancellingReplier,
) -> None:
    await one_slot.deliver("cancelled")
    assert one_slot.runner.calls == [["cancelled"]]
    one_slot.cancelled.add("cancelled")
    assert await one_slot.finish() == []
    assert one_slot.channel.acknowledged == 1


@pytest.mark.parametrize("count", [1, 3])
async def test_requests_that_were_not_cancelled_get_replies(
    one_slot: CancellingReplier, count: int
) -> None:
    one_slot.cancelled.add("another")
    names = [str(number) for number in range(count)]
    await one_slot.deliver(*names)
    assert await one_slot.finish() == names
    assert all(message.headers["timing"] for message in one_slot.link.published)
