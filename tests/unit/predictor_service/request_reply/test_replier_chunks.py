"""Requests that share a chunk: those that the model does not come to run next."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest
from structlog.testing import capture_logs

from common.amqp.channel import Delivery
from predictor_service.request_reply.observer import Observer
from predictor_service.request_reply.progress_events import ProgressEvents
from predictor_service.request_reply.replier import Replier
from predictor_service.request_reply.replies import ReplySender
from predictor_service.scheduling.batching import Batching
from tests.support.fakes.requests import RequestChannel, request_of
from tests.support.fakes.runner import ScriptedRunner
from tests.support.fakes.scripted import ScriptedLink
from tests.support.fakes.spans import NotingTracer
from tests.support.harness.waiting import until

MANY: Final = 60
"""Calls enough for a pace at which requests share chunks."""


class FastReplier:
    """A replier at the pace of an instant model, which comes to one input of each call."""

    def __init__(self) -> None:
        self.runner, self.link, self.channel = ScriptedRunner(), ScriptedLink(), RequestChannel()
        self.runner.comes_to = 1
        self.tracer = NotingTracer()
        observer = Observer(self.tracer)
        replies, events = ReplySender(self.link, observer.replying), ProgressEvents(self.link)
        self.replier = Replier(self.runner, replies, events, 1, Batching(1, 0), observer=observer)

    def deliver(self, number: int) -> None:
        """Deliver a request."""
        self.channel.on_delivery(Delivery(request_of(str(number)), self.channel, number))

    async def begin(self) -> None:
        """Find the pace; then let one request run, and deliver three that wait."""
        await self.replier.attach(self.channel)
        for number in range(1, MANY + 1):
            self.deliver(number)
            self.runner.end_calls()
            await self.replied(number)
        self.runner.calls.clear()
        self.deliver(MANY + 1)
        await self.called(1)
        for number in range(MANY + 2, MANY + 5):
            self.deliver(number)

    async def finish(self) -> None:
        """Let the four requests run to their ends."""
        for number in range(MANY + 1, MANY + 5):
            self.runner.end_calls()
            await self.replied(number)

    async def called(self, count: int) -> None:
        """Wait until so many model calls have begun."""

        async def have_begun() -> bool:
            return len(self.runner.calls) == count

        await until(have_begun, lambda: f"{count} model calls have begun", poll_s=0)

    async def replied(self, count: int) -> None:
        """Wait until so many replies are published."""

        async def are_published() -> bool:
            return len(self.link.published) == count

        await until(are_published, lambda: f"{count} replies are published", poll_s=0)


@pytest.fixture
async def fast() -> AsyncIterator[FastReplier]:
    made = FastReplier()
    yield made
    made.runner.end_calls(9)
    await made.replier.drain(20)


async def test_requests_that_a_chunk_does_not_come_to_run_next_and_in_order(
    fast: FastReplier,
) -> None:
    await fast.begin()
    await fast.finish()
    first = MANY + 1
    waiting = [str(number) for number in range(first + 1, first + 4)]
    assert fast.runner.calls == [[str(first)], waiting, waiting[1:], waiting[2:]]
    published = [int(message.correlation_id) for message in fast.link.published]
    assert published == list(range(1, MANY + 5))
    assert fast.channel.requeued == []


async def test_requests_that_arrive_together_share_a_chunk(fast: FastReplier) -> None:
    await fast.begin()
    await fast.finish()
    fast.runner.calls.clear()
    arriving = range(MANY + 5, MANY + 9)
    for number in arriving:
        fast.deliver(number)
    await fast.called(1)
    assert fast.runner.calls == [[str(number) for number in arriving]]


async def test_requests_that_a_chunk_does_not_come_to_are_requeued_when_the_predictor_ends(
    fast: FastReplier,
) -> None:
    await fast.begin()
    fast.runner.end_calls()
    await fast.called(2)
    assert len(fast.runner.calls[-1]) == 3
    draining = asyncio.create_task(fast.replier.drain(20))
    fast.runner.end_calls()
    await asyncio.wait_for(draining, 20)
    published = [int(message.correlation_id) for message in fast.link.published]
    assert published == list(range(1, MANY + 3))
    assert fast.channel.requeued == [MANY + 3, MANY + 4]
    ended = {span.of: (span.ends, span.failed) for span in fast.tracer.deliveries[MANY:]}
    assert set(ended.values()) == {(1, ""), (1, "redelivered")}
    assert [name for name, how in ended.items() if how[1]] == [str(MANY + 3), str(MANY + 4)]


async def test_requests_of_a_chunk_are_logged_and_traced_one_by_one_and_once(
    fast: FastReplier,
) -> None:
    with capture_logs() as lines:
        await fast.begin()
        await fast.finish()
        await fast.replier.drain(20)
    logged = [line for line in lines if line["event"] == "prediction"]
    assert [int(line["correlation_id"]) for line in logged] == list(range(1, MANY + 5))
    assert {(line["state"], line["batch"]) for line in logged} == {("succeeded", 1)}
    spans = fast.tracer.deliveries
    assert [int(span.of) for span in spans] == list(range(1, MANY + 5))
    assert {(span.ends, span.failed) for span in spans} == {(1, "")}
