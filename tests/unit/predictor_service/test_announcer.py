"""Announcements of a predictor, by a clock that the test moves."""

import pytest
from structlog.testing import capture_logs

from common.amqp.channel import Delivery
from common.contract.announcement import ANNOUNCE_EVERY_S, Announcement, roll_call
from common.contract.messages import Message, MessageType
from predictor_service.announcer import Announcer
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.scripted import ScriptedChannel, ScriptedLink


def described() -> Announcement:
    """Return the announcement of this predictor."""
    return Announcement(
        replica_id="r",
        host="h",
        isolation="thread",
        concurrency=1,
        max_batch=1,
        predictions=0,
        models=(),
    )


class AnnouncingPredictor:
    """A predictor that announces itself, over connections that a test takes up and down."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.publisher = ScriptedLink()
        self.channel = ScriptedChannel()
        self.announcer = Announcer(described, self.publisher)
        self.loop.create_task(self.announcer.run())
        self.loop.settle()

    def attach(self) -> None:
        """Make a connection to consume on."""
        self.loop.run_until_complete(self.announcer.attach(self.channel))
        self.loop.settle()

    def detach(self) -> None:
        """Lose the connection to consume on."""
        self.announcer.detach()
        self.loop.settle()

    def call_roll(self) -> None:
        """Deliver a roll call."""
        self.channel.on_delivery(Delivery(roll_call(), self.channel, 1))
        self.loop.settle()

    def leave(self) -> None:
        """Announce that the predictor leaves."""
        self.loop.create_task(self.announcer.leave())
        self.loop.settle()

    def later(self, seconds: float) -> None:
        """Move the clock."""
        self.loop.now_s += seconds
        self.loop.settle()

    @property
    def published(self) -> list[bool]:
        """The announcements so far, each as True if it was of leaving."""
        return [_leaving(message) for message in self.publisher.published]


def _leaving(message: Message) -> bool:
    assert message.type == MessageType.ANNOUNCEMENT
    return Announcement.from_message(message).leaving


@pytest.fixture
def announcing(manual_loop: ManualLoop) -> AnnouncingPredictor:
    """A predictor that has just started."""
    return AnnouncingPredictor(manual_loop)


def test_announcements_come_when_consuming_begins_at_roll_calls_and_every_few_seconds(
    announcing: AnnouncingPredictor,
) -> None:
    assert (announcing.published, announcing.announcer.announced) == ([], False)
    announcing.attach()
    assert (announcing.published, announcing.announcer.announced) == ([False], True)
    announcing.call_roll()
    assert announcing.published == [False] * 2
    announcing.later(ANNOUNCE_EVERY_S)
    assert announcing.published == [False] * 3


def test_a_message_that_is_no_roll_call_is_logged_counted_and_not_answered(
    announcing: AnnouncingPredictor,
) -> None:
    announcing.attach()
    strange = Message(type="strange", body=b"", correlation_id="")
    with capture_logs() as logs:
        announcing.channel.on_delivery(Delivery(strange, announcing.channel, 7))
    announcing.loop.settle()
    assert announcing.published == [False]
    assert announcing.announcer.ignored == 1
    assert [(line["event"], line["delivery_tag"]) for line in logs] == [("not a roll call", 7)]


def test_announcements_after_the_one_of_leaving_are_all_of_leaving(
    announcing: AnnouncingPredictor,
) -> None:
    announcing.attach()
    announcing.leave()
    announcing.call_roll()
    announcing.later(ANNOUNCE_EVERY_S)
    announcing.detach()
    announcing.attach()
    assert announcing.published == [False, True, True, True, True]


def test_an_announcement_that_waited_for_the_broker_is_of_leaving_by_then(
    announcing: AnnouncingPredictor,
) -> None:
    announcing.publisher.take(up=False)
    announcing.attach()
    announcing.leave()
    announcing.publisher.take(up=True)
    announcing.loop.settle()
    assert announcing.published == [True, True]


def test_a_predictor_without_consumers_announces_only_that_it_leaves(
    announcing: AnnouncingPredictor,
) -> None:
    announcing.attach()
    announcing.detach()
    assert not announcing.announcer.announced
    announcing.later(ANNOUNCE_EVERY_S)
    announcing.later(ANNOUNCE_EVERY_S)
    assert announcing.published == [False]
    announcing.attach()
    assert (announcing.published, announcing.announcer.announced) == ([False] * 2, True)
    announcing.detach()
    announcing.leave()
    assert announcing.published == [False, False, True]


def test_consumers_that_are_lost_while_the_publisher_is_away_are_not_announced(
    announcing: AnnouncingPredictor,
) -> None:
    announcing.publisher.take(up=False)
    announcing.attach()
    announcing.detach()
    announcing.publisher.take(up=True)
    announcing.loop.settle()
    assert (announcing.published, announcing.announcer.announced) == ([], False)
