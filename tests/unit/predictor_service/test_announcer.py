"""What a predictor says of itself and when, by a clock that the test decides."""

import pytest

from common.amqp.channel import Delivery
from common.contract.announcement import ANNOUNCE_EVERY_S, Announcement, roll_call
from common.contract.messages import Message, MessageType
from predictor_service.announcer import Announcer
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.scripted import ScriptedChannel, ScriptedLink


def described() -> Announcement:
    """What this predictor says of itself."""
    return Announcement(
        replica_id="r",
        host="h",
        isolation="thread",
        concurrency=1,
        max_batch=1,
        predictions=0,
        models=(),
    )


class Predictor:
    """An announcer between two connections that the test takes up and down."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.publisher = ScriptedLink()
        self.channel = ScriptedChannel()
        self.announcer = Announcer(described, self.publisher)
        self.loop.create_task(self.announcer.run())
        self.loop.settle()

    def attach(self) -> None:
        """A connection to consume on is there."""
        self.loop.run_until_complete(self.announcer.attach(self.channel))
        self.loop.settle()

    def detach(self) -> None:
        """It is lost."""
        self.announcer.detach()
        self.loop.settle()

    def call_roll(self) -> None:
        """A gateway asks who is there."""
        self.channel.on_delivery(Delivery(roll_call(), self.channel, 1))
        self.loop.settle()

    def leave(self) -> None:
        """It takes no more requests."""
        self.loop.create_task(self.announcer.leave())
        self.loop.settle()

    def later(self, seconds: float) -> None:
        """Time goes on."""
        self.loop.now_s += seconds
        self.loop.settle()

    @property
    def said(self) -> list[bool]:
        """For each announcement so far, whether it was of leaving."""
        return [_leaving(message) for message in self.publisher.published]


def _leaving(message: Message) -> bool:
    assert message.type == MessageType.ANNOUNCEMENT
    return Announcement.from_message(message).leaving


@pytest.fixture
def predictor(manual_loop: ManualLoop) -> Predictor:
    """A predictor that has just started."""
    return Predictor(manual_loop)


def test_it_announces_itself_when_it_consumes_when_asked_and_every_few_seconds(
    predictor: Predictor,
) -> None:
    assert (predictor.said, predictor.announcer.announced) == ([], False)
    predictor.attach()
    assert (predictor.said, predictor.announcer.announced) == ([False], True)
    predictor.call_roll()
    assert predictor.said == [False] * 2
    predictor.later(ANNOUNCE_EVERY_S)
    assert predictor.said == [False] * 3


def test_once_it_leaves_it_says_nothing_else_when_asked_or_when_time_goes_on(
    predictor: Predictor,
) -> None:
    predictor.attach()
    predictor.leave()
    predictor.call_roll()
    predictor.later(ANNOUNCE_EVERY_S)
    predictor.detach()
    predictor.attach()
    assert predictor.said == [False, True, True, True, True]


def test_what_waited_for_the_broker_while_it_began_to_leave_says_so(predictor: Predictor) -> None:
    predictor.publisher.take(up=False)
    predictor.attach()
    predictor.leave()
    predictor.publisher.take(up=True)
    predictor.loop.settle()
    assert predictor.said == [True, True]


def test_without_consumers_it_is_not_announced_and_says_nothing_but_that_it_leaves(
    predictor: Predictor,
) -> None:
    predictor.attach()
    predictor.detach()
    assert not predictor.announcer.announced
    predictor.later(ANNOUNCE_EVERY_S)
    predictor.later(ANNOUNCE_EVERY_S)
    assert predictor.said == [False]
    predictor.attach()
    assert (predictor.said, predictor.announcer.announced) == ([False] * 2, True)
    predictor.detach()
    predictor.leave()
    assert predictor.said == [False, False, True]


def test_consumers_that_are_lost_while_the_publisher_is_away_are_not_announced(
    predictor: Predictor,
) -> None:
    predictor.publisher.take(up=False)
    predictor.attach()
    predictor.detach()
    predictor.publisher.take(up=True)
    predictor.loop.settle()
    assert (predictor.said, predictor.announcer.announced) == ([], False)
