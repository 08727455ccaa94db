"""When a gateway begins to listen: once its roll call is sent, on a connection that is there."""

import asyncio

import pytest

from common.amqp.channel import Delivery
from common.contract.messages import Message, MessageType
from common.errors import BrokerAway
from gateway.registry.registry import PredictorRegistry
from gateway.registry.replicas import ROLL_CALL_S
from tests.support.fakes.announcements import announcement
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.scripted import ScriptedChannel, ScriptedLink


class Gateway:
    """A gateway whose connections the test takes up and down."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.publisher = ScriptedLink()
        self.registry = PredictorRegistry(self.loop.time, self.publisher)
        self.channel = ScriptedChannel()
        self.loop.create_task(self.registry.run())
        self.loop.settle()

    def attach(self) -> None:
        """The connection that announcements come by is there."""
        self.loop.run_until_complete(self.registry.attach(self.channel))
        self.loop.settle()

    def confirm(self) -> None:
        """The broker confirms what it was sent."""
        assert self.publisher.hold is not None
        self.publisher.hold.set()
        self.loop.settle()

    def knows_that_nobody_serves(self) -> bool:
        """After the time for answers to a roll call."""
        asked = self.loop.create_task(self.registry.none_serves("m"))
        self.loop.settle()
        self.loop.now_s += ROLL_CALL_S
        self.loop.settle()
        return asked.result()


@pytest.fixture
def gateway(manual_loop: ManualLoop) -> Gateway:
    """A gateway that has just started."""
    return Gateway(manual_loop)


def test_it_listens_once_the_roll_call_is_sent(gateway: Gateway) -> None:
    gateway.publisher.hold = asyncio.Event()
    gateway.attach()
    assert [each.type for each in gateway.publisher.published] == [MessageType.ROLL_CALL]
    assert not gateway.knows_that_nobody_serves()
    gateway.confirm()
    assert gateway.knows_that_nobody_serves()


def test_a_connection_that_is_lost_during_the_roll_call_is_not_listened_on(
    gateway: Gateway,
) -> None:
    gateway.publisher.hold = asyncio.Event()
    gateway.attach()
    gateway.registry.detach()
    gateway.confirm()
    assert not gateway.knows_that_nobody_serves()
    gateway.attach()
    assert len(gateway.publisher.published) == 2
    assert gateway.knows_that_nobody_serves()


def test_a_new_connection_gets_a_roll_call_of_its_own(gateway: Gateway) -> None:
    gateway.publisher.hold = asyncio.Event()
    gateway.attach()
    gateway.registry.detach()
    gateway.attach()
    gateway.confirm()
    assert len(gateway.publisher.published) == 2
    assert gateway.knows_that_nobody_serves()


def test_a_roll_call_that_could_not_be_sent_is_sent_again(gateway: Gateway) -> None:
    def fail_once(_: Message) -> None:
        gateway.publisher.on_publish = lambda _: None
        raise BrokerAway("The message broker is not available.")

    gateway.publisher.on_publish = fail_once
    gateway.attach()
    assert len(gateway.publisher.published) == 2
    assert gateway.knows_that_nobody_serves()


def test_what_is_no_announcement_is_ignored(gateway: Gateway) -> None:
    gateway.attach()
    nonsense = Message(type=MessageType.ANNOUNCEMENT, body=b"{", correlation_id="")
    for message in (nonsense, announcement("a").to_message()):
        gateway.channel.on_delivery(Delivery(message, gateway.channel, 1))
    assert [each.replica_id for each in gateway.registry.serving("m")] == ["a"]
