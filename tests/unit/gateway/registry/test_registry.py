"""The roll calls of a gateway: silence counts once one is confirmed on a live connection."""

import asyncio

import pytest

from common.amqp.channel import Delivery
from common.contract.messages import Message, MessageType
from common.errors import BrokerAway
from gateway.registry.registry import PredictorRegistry
from gateway.registry.replicas import ROLL_CALL_S
from tests.support.fakes.announcements import announcement
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.scripted import ScriptedChannel, ScriptedLink, no_consumers


class RegistryWorld:
    """A registry whose connections a test takes up and down."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.publisher = ScriptedLink()
        self.registry = PredictorRegistry(self.loop.time, self.publisher, no_consumers)
        self.channel = ScriptedChannel()
        self.loop.create_task(self.registry.run())
        self.loop.settle()

    def attach(self) -> None:
        """Connect, so that announcements can be consumed."""
        self.loop.run_until_complete(self.registry.attach(self.channel))
        self.loop.settle()

    def confirm(self) -> None:
        """Confirm the published roll call."""
        assert self.publisher.hold is not None
        self.publisher.hold.set()
        self.loop.settle()

    def is_unserved(self) -> bool:
        """Return whether model ``m`` counts as unserved after the time of a roll call."""
        task = self.loop.create_task(self.registry.none_serves("m"))
        self.loop.settle()
        self.loop.now_s += ROLL_CALL_S
        self.loop.settle()
        return task.result()


@pytest.fixture
def world(manual_loop: ManualLoop) -> RegistryWorld:
    """A gateway that has just started."""
    return RegistryWorld(manual_loop)


def test_a_gateway_listens_once_its_roll_call_is_confirmed(world: RegistryWorld) -> None:
    world.publisher.hold = asyncio.Event()
    world.attach()
    assert [each.type for each in world.publisher.published] == [MessageType.ROLL_CALL]
    assert not world.is_unserved()
    world.confirm()
    assert world.is_unserved()


def test_a_roll_call_does_not_count_after_its_connection_is_lost(
    world: RegistryWorld,
) -> None:
    world.publisher.hold = asyncio.Event()
    world.attach()
    world.registry.detach()
    world.confirm()
    assert not world.is_unserved()
    world.attach()
    assert len(world.publisher.published) == 2
    assert world.is_unserved()


def test_a_new_connection_gets_a_roll_call_of_its_own(world: RegistryWorld) -> None:
    world.publisher.hold = asyncio.Event()
    world.attach()
    world.registry.detach()
    world.attach()
    world.confirm()
    assert len(world.publisher.published) == 2
    assert world.is_unserved()


def test_a_roll_call_that_could_not_be_published_is_published_again(world: RegistryWorld) -> None:
    def fail_once(_: Message) -> None:
        world.publisher.on_publish = lambda _: None
        raise BrokerAway("The message broker is not available.")

    world.publisher.on_publish = fail_once
    world.attach()
    assert len(world.publisher.published) == 2
    assert world.is_unserved()


def test_a_malformed_announcement_is_ignored(world: RegistryWorld) -> None:
    world.attach()
    nonsense = Message(type=MessageType.ANNOUNCEMENT, body=b"{", correlation_id="")
    for message in (nonsense, announcement("a").to_message()):
        world.channel.on_delivery(Delivery(message, world.channel, 1))
    assert [each.replica_id for each in world.registry.serving("m")] == ["a"]
