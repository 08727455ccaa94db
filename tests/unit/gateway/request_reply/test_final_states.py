"""Final states that a gateway publishes itself, and its notifications to the predictors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from common.contract.messages import CANCELLED, Message
from gateway.request_reply import final_states
from gateway.request_reply.final_states import FinalStates
from gateway.request_reply.requestor import Requestor
from tests.support.fakes.loops import TURNS
from tests.support.fakes.scripted import ScriptedLink


class RecordingRequestor(Requestor):
    """A requestor that keeps its events and their timeouts instead of publishing them."""

    def __init__(self) -> None:
        self.events: list[tuple[Message, float]] = []

    async def publish_event(self, event: Message, timeout_s: float) -> None:
        self.events.append((event, timeout_s))


@asynccontextmanager
async def notifying(link: ScriptedLink) -> AsyncIterator[FinalStates]:
    """Run final states that notify the predictors over ``link``."""
    states = FinalStates(Requestor(link, link, lambda: 0), lambda: 1_700_000_000.9)
    run = asyncio.create_task(states.run())
    yield states
    await _settle()
    assert not run.done()
    run.cancel()


async def _settle() -> None:
    for _ in range(4 * TURNS):
        await asyncio.sleep(0)


async def test_a_final_state_is_published_to_the_stream_with_the_present_time() -> None:
    requestor = RecordingRequestor()
    await FinalStates(requestor, lambda: 1_700_000_000.9).publish("a", CANCELLED, 5)
    assert requestor.events == [(CANCELLED.to_message("a", 1_700_000_000), 5)]


async def test_predictors_are_notified_in_the_order_of_the_cancellations() -> None:
    link = ScriptedLink()
    async with notifying(link) as states:
        for correlation_id in "abc":
            states.notify_predictors(correlation_id)
        assert link.published == []
    assert [message.correlation_id for message in link.published] == list("abc")


async def test_a_notification_is_dropped_while_the_broker_is_away() -> None:
    link = ScriptedLink()
    link.take(up=False)
    async with notifying(link) as states:
        states.notify_predictors("lost")
        await _settle()
        link.take(up=True)
        states.notify_predictors("published")
    assert [message.correlation_id for message in link.published] == ["published"]


async def test_notifications_beyond_the_limit_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(final_states, "MAX_UNSENT", 2)
    link = ScriptedLink()
    async with notifying(link) as states:
        for correlation_id in "abcd":
            states.notify_predictors(correlation_id)
    assert [message.correlation_id for message in link.published] == ["a", "b"]
