"""What a predictor remembers of the predictions that were cancelled."""

import pytest

from common.amqp.channel import Delivery
from common.contract.messages import CANCELLED, Message
from predictor_service.request_reply import cancellations
from predictor_service.request_reply.cancellations import REMEMBER_S, Cancellations
from tests.support.fakes.scripted import ScriptedChannel


class World:
    """Cancellations on a clock that stands still unless moved."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.told: list[str] = []
        self.cancellations = Cancellations(self.told.append, lambda: self.now_s)
        self.channel = ScriptedChannel()

    async def hear(self, *correlation_ids: str) -> None:
        await self.cancellations.attach(self.channel)
        for correlation_id in correlation_ids:
            self.say(CANCELLED.to_message(correlation_id, 0))

    def say(self, message: Message) -> None:
        self.channel.on_delivery(Delivery(message, self.channel, 1))


async def test_what_was_cancelled_is_known_and_told() -> None:
    world = World()
    await world.hear("a", "b")
    assert "a" in world.cancellations
    assert "c" not in world.cancellations
    assert world.told == ["a", "b"]


async def test_other_messages_cancel_nothing() -> None:
    world = World()
    await world.hear()
    world.say(Message(type="of.a.later.version", body=b"", correlation_id="a"))
    assert "a" not in world.cancellations
    assert world.told == []


async def test_the_oldest_are_forgotten_after_a_while() -> None:
    world = World()
    await world.hear("a")
    world.now_s += REMEMBER_S / 2
    await world.hear("a", "b")
    world.now_s += REMEMBER_S / 2 + 1
    await world.hear("c")
    assert [text in world.cancellations for text in "abc"] == [False, True, True]


async def test_no_more_are_remembered_than_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancellations, "REMEMBER_COUNT", 3)
    world = World()
    await world.hear(*"abcdef")
    assert len(world.cancellations) == 3
    assert "f" in world.cancellations
    assert "a" not in world.cancellations
