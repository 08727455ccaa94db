"""The requestor, with a broker that a test takes up and down."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import msgspec
import pytest

from common.amqp.channel import Delivery
from common.contract.messages import Message, MessageType, Reply
from common.errors import (
    BrokerAway,
    ConnectionLost,
    DeadlineExceeded,
    PredictionError,
    Refused,
    Unroutable,
)
from gateway.prediction_id import PredictionId, spell
from gateway.request_reply.order import Order
from gateway.request_reply.requestor import Requestor
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.scripted import ScriptedChannel, ScriptedLink
from tests.support.fakes.spans import NotingTracer

NOW_S: Final = 1_700_000_000.9
ORDER: Final = Order(PredictionId(1), spell(PredictionId(1)), "demo", b'{"input": 1}')
REPLY: Final = Reply(MessageType.SUCCEEDED, b'{"input": 1, "result": 2}')

T = TypeVar("T")


class RequestorWorld:
    """A requestor between two scripted links, on a clock that stands still unless moved."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.publisher, self.consumer = ScriptedLink(), ScriptedLink()
        self.tracer = NotingTracer()
        self.requestor = Requestor(self.publisher, self.consumer, lambda: NOW_S, self.tracer)
        self.channel = ScriptedChannel()
        self.loop.run_until_complete(self.requestor.attach(self.channel))

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start ``work`` and let it go as far as it can."""
        task = self.loop.create_task(work)
        self.loop.settle()
        return task

    def deliver(self, reply: Reply, **headers: str) -> None:
        """Deliver a reply, as the channel does."""
        message = reply.to_message(ORDER.correlation_id, int(NOW_S))
        message.headers.update(headers)
        self.channel.on_delivery(Delivery(message, self.channel, 1))

    def lose_reply_queue(self) -> None:
        """Lose the consumer's connection, as ``SupervisedConnection`` does."""
        self.consumer.take(up=False)
        self.requestor.detach()


@pytest.fixture
def world(manual_loop: ManualLoop) -> RequestorWorld:
    return RequestorWorld(manual_loop)


def test_a_reply_is_traced_only_if_it_has_a_trace_context(world: RequestorWorld) -> None:
    world.deliver(REPLY)
    assert world.tracer.deliveries == []
    world.deliver(REPLY, traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    assert [span.ends for span in world.tracer.deliveries] == [1]


@pytest.mark.parametrize("failure", [ConnectionLost, BrokerAway])
def test_a_reply_that_overtakes_its_confirm_is_the_calls_reply(
    world: RequestorWorld, failure: type[PredictionError]
) -> None:
    def reply_and_fail(_: Message) -> None:
        world.publisher.on_publish = lambda _: None
        world.deliver(REPLY)
        raise failure("No confirm.")

    world.publisher.on_publish = reply_and_fail
    call = world.start(world.requestor.call(ORDER, 30))
    assert call.result() == REPLY
    assert len(world.publisher.published) == 1


def test_a_reply_does_not_wait_for_its_confirm(world: RequestorWorld) -> None:
    world.publisher.hold = asyncio.Event()
    call = world.start(world.requestor.call(ORDER, 30))
    assert not call.done()
    world.deliver(REPLY)
    world.loop.settle()
    assert call.result() == REPLY


@pytest.mark.parametrize("refusal", [Refused, Unroutable])
def test_a_refused_request_fails_its_call_at_once(
    world: RequestorWorld, refusal: type[PredictionError]
) -> None:
    def refuse(_: Message) -> None:
        raise refusal("Not taken.")

    world.publisher.on_publish = refuse
    call = world.start(world.requestor.call(ORDER, 30))
    assert isinstance(call.exception(), refusal)


def test_a_reply_between_two_attempts_is_the_calls_reply(world: RequestorWorld) -> None:
    def lose(_: Message) -> None:
        world.publisher.take(up=False)
        raise ConnectionLost("The connection was lost.")

    world.publisher.on_publish = lose
    call = world.start(world.requestor.call(ORDER, 30))
    world.deliver(REPLY)
    world.publisher.take(up=True)
    world.loop.settle()
    assert call.result() == REPLY
    assert len(world.publisher.published) == 1


def test_a_request_is_not_published_while_the_reply_queue_is_lost(world: RequestorWorld) -> None:
    world.consumer.take(up=False)
    call = world.start(world.requestor.call(ORDER, 30))
    world.loop.call_soon(world.lose_reply_queue)  # between the call's waking and its attempt
    world.consumer.take(up=True)
    world.loop.settle()
    assert world.publisher.published == []
    world.consumer.take(up=True)
    world.loop.settle()
    world.deliver(REPLY)
    world.loop.settle()
    assert call.result() == REPLY


def test_a_request_that_is_published_again_has_the_rest_of_its_time(world: RequestorWorld) -> None:
    def lose(_: Message) -> None:
        world.publisher.take(up=False)
        raise ConnectionLost("The connection was lost.")

    world.publisher.on_publish = lose
    submitting = world.start(world.requestor.submit(ORDER, expires_s=3600, timeout_s=30))
    world.loop.now_s += 20
    world.publisher.on_publish = lambda _: None
    world.publisher.take(up=True)
    world.loop.settle()
    assert submitting.done()
    assert [message.expiration_ms for message in world.publisher.published] == [
        3_600_000,
        3_580_000,
    ]
    assert {message.timestamp_s for message in world.publisher.published} == {int(NOW_S)}


def test_a_model_is_unserved_once_its_queue_has_a_request_that_none_is_known_to_take(
    world: RequestorWorld,
) -> None:
    requestor = world.requestor
    submitting = world.start(requestor.submit(ORDER, expires_s=3600, timeout_s=30))
    assert submitting.done()
    calling = world.start(requestor.call(msgspec.structs.replace(ORDER, model="sync"), 0.2))
    assert requestor.unserved_models == {"demo"}
    world.loop.now_s += 0.2
    world.loop.settle()
    assert isinstance(calling.exception(), DeadlineExceeded)
    assert requestor.unserved_models == {"demo", "sync"}


@pytest.mark.parametrize("ending", ["served", "replied", "not confirmed", "no queue"])
def test_no_model_is_unserved_that_has_a_predictor_or_perhaps_no_queue(
    world: RequestorWorld, ending: str
) -> None:
    def refuse(_: Message) -> None:
        raise Unroutable("No queue.")

    order = msgspec.structs.replace(ORDER, has_predictor=ending == "served")
    world.publisher.hold = asyncio.Event() if ending == "not confirmed" else None
    if ending == "no queue":
        world.publisher.on_publish = refuse
    calling = world.start(world.requestor.call(order, 0.2))
    if ending == "replied":
        world.deliver(REPLY)
    else:
        submitting = world.start(world.requestor.submit(order, expires_s=3600, timeout_s=0.2))
        assert submitting.done() == (ending != "not confirmed")
    world.loop.now_s += 0.2
    world.loop.settle()
    assert calling.done()
    assert world.requestor.unserved_models == set()
