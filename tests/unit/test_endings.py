"""Final states that a gateway says itself, and how the predictors learn of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from common.errors import BrokerAway, Unavailable
from common.messages import CANCELLED, Message
from gateway import endings
from gateway.endings import Endings
from tests.support.loops import TURNS
from tests.support.scripted import ScriptedLink


@asynccontextmanager
async def telling(link: ScriptedLink) -> AsyncIterator[Endings]:
    """Endings that tell the predictors over ``link``."""
    telling_all = Endings(link, lambda: 1_700_000_000.9)
    run = asyncio.create_task(telling_all.run())
    yield telling_all
    await _settle()
    assert not run.done()
    run.cancel()


async def _settle() -> None:
    for _ in range(4 * TURNS):
        await asyncio.sleep(0)


async def test_a_final_state_is_said_once_it_is_confirmed() -> None:
    link = ScriptedLink()
    link.hold = asyncio.Event()
    async with telling(link) as one:
        saying = asyncio.create_task(one.say("a", CANCELLED, 5))
        await _settle()
        assert link.published == [CANCELLED.to_message("a", 1_700_000_000)]
        assert not saying.done()
        link.hold.set()
        await saying


async def test_predictors_are_told_one_after_the_other_of_what_needs_no_answer() -> None:
    link = ScriptedLink()
    async with telling(link) as one:
        for correlation_id in "abc":
            one.stop(correlation_id)
        assert link.published == []
    assert [message.correlation_id for message in link.published] == list("abc")


async def test_a_broker_that_is_away_ends_nothing_but_the_telling() -> None:
    link = ScriptedLink()
    link.take(up=False)
    async with telling(link) as one:
        one.stop("lost")
        await _settle()
        link.take(up=True)
        one.stop("told")
    assert [message.correlation_id for message in link.published] == ["told"]


async def test_a_refusal_reaches_who_says_it() -> None:
    link = ScriptedLink()

    def refuse(_: Message) -> None:
        raise BrokerAway("The message broker is not available.")

    link.on_publish = refuse
    with pytest.raises(Unavailable):
        await Endings(link, lambda: 0.0).say("a", CANCELLED, 5)


async def test_of_too_many_at_once_some_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "MAX_UNTOLD", 2)
    link = ScriptedLink()
    async with telling(link) as one:
        for correlation_id in "abcd":
            one.stop(correlation_id)
    assert [message.correlation_id for message in link.published] == ["a", "b"]
