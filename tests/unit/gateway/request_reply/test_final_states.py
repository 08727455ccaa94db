"""Final states that a gateway says itself, and how the predictors learn of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from common.contract.messages import CANCELLED, Message
from gateway.request_reply import final_states as endings
from gateway.request_reply.final_states import FinalStates
from tests.support.fakes.loops import TURNS
from tests.support.fakes.scripted import ScriptedLink


class Stream:
    """Keeps what it is told, and in how many seconds."""

    def __init__(self) -> None:
        self.told: list[tuple[Message, float]] = []

    async def tell(self, event: Message, timeout_s: float) -> None:
        self.told.append((event, timeout_s))


@asynccontextmanager
async def telling(link: ScriptedLink) -> AsyncIterator[FinalStates]:
    """Endings that tell the predictors over ``link``."""
    telling_all = FinalStates(Stream(), link, lambda: 1_700_000_000.9)
    run = asyncio.create_task(telling_all.run())
    yield telling_all
    await _settle()
    assert not run.done()
    run.cancel()


async def _settle() -> None:
    for _ in range(4 * TURNS):
        await asyncio.sleep(0)


async def test_a_final_state_is_told_to_the_stream_as_of_now() -> None:
    stream = Stream()
    await FinalStates(stream, ScriptedLink(), lambda: 1_700_000_000.9).say("a", CANCELLED, 5)
    assert stream.told == [(CANCELLED.to_message("a", 1_700_000_000), 5)]


async def test_predictors_are_told_one_after_the_other_of_what_needs_no_answer() -> None:
    link = ScriptedLink()
    async with telling(link) as one:
        for correlation_id in "abc":
            one.tell_predictors(correlation_id)
        assert link.published == []
    assert [message.correlation_id for message in link.published] == list("abc")


async def test_a_broker_that_is_away_ends_nothing_but_the_telling() -> None:
    link = ScriptedLink()
    link.take(up=False)
    async with telling(link) as one:
        one.tell_predictors("lost")
        await _settle()
        link.take(up=True)
        one.tell_predictors("told")
    assert [message.correlation_id for message in link.published] == ["told"]


async def test_of_too_many_at_once_some_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "MAX_UNTOLD", 2)
    link = ScriptedLink()
    async with telling(link) as one:
        for correlation_id in "abcd":
            one.tell_predictors(correlation_id)
    assert [message.correlation_id for message in link.published] == ["a", "b"]
