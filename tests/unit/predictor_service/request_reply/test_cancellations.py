"""Cancelled predictions, as a predictor remembers them."""

import pytest

from common.amqp.channel import Delivery
from common.contract.messages import CANCELLED, Message
from predictor_service.request_reply import cancellations
from predictor_service.request_reply.cancellations import REMEMBER_S, Cancellations
from tests.support.fakes.scripted import ScriptedChannel


class ClockedCancellations:
    """Cancellations on a clock that stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.passed_on: list[str] = []
        self.cancellations = Cancellations(self.passed_on.append, lambda: self.now_s)
        self.channel = ScriptedChannel()

    async def cancel(self, *correlation_ids: str) -> None:
        """Attach, and deliver a cancellation of each."""
        await self.cancellations.attach(self.channel)
        for correlation_id in correlation_ids:
            self.deliver(CANCELLED.to_message(correlation_id, 0))

    def deliver(self, message: Message) -> None:
        """Deliver a message."""
        self.channel.on_delivery(Delivery(message, self.channel, 1))


@pytest.fixture
def clocked() -> ClockedCancellations:
    return ClockedCancellations()


async def test_a_cancelled_id_is_known_and_passed_on(clocked: ClockedCancellations) -> None:
    await clocked.cancel("a", "b")
    assert "a" in clocked.cancellations
    assert "c" not in clocked.cancellations
    assert clocked.passed_on == ["a", "b"]


async def test_messages_of_other_types_cancel_nothing(clocked: ClockedCancellations) -> None:
    await clocked.cancel()
    clocked.deliver(Message(type="of.a.later.version", body=b"", correlation_id="a"))
    assert "a" not in clocked.cancellations
    assert clocked.passed_on == []
    assert clocked.cancellations.ignored == 1


async def test_the_oldest_cancelled_ids_are_forgotten_in_time(
    clocked: ClockedCancellations,
) -> None:
    await clocked.cancel("a")
    clocked.now_s += REMEMBER_S / 2
    await clocked.cancel("a", "b")
    clocked.now_s += REMEMBER_S / 2 + 1
    await clocked.cancel("c")
    assert [text in clocked.cancellations for text in "abc"] == [False, True, True]


async def test_the_number_of_cancelled_ids_is_bounded(
    clocked: ClockedCancellations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellations, "REMEMBER_COUNT", 3)
    await clocked.cancel(*"abcdef")
    assert len(clocked.cancellations) == 3
    assert "f" in clocked.cancellations
    assert "a" not in clocked.cancellations
