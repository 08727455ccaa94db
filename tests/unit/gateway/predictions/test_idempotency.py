"""Idempotency keys when gateways are slow, fail or leave, on a manual clock."""

import asyncio
from typing import Final

import pytest

from common.contract.claim import ClaimBody
from common.contract.messages import Message, MessageType
from common.errors import (
    IdempotencyConflict,
    PredictionError,
    Refused,
    Unavailable,
    UnknownModel,
)
from gateway.prediction_id import PredictionId, PredictionIds, spell
from gateway.predictions.idempotency import PATIENCE_S, IdempotentReceiver, KeyedRequest
from gateway.reply_stream.idempotency_claims import Claim
from gateway.request_reply.order import Order
from gateway.request_reply.requestor import Requestor
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.reply_stream import ScriptedReplyStream

TIMEOUT_S: Final = 30.0
BODY: Final = b'{"input": 1}'


class ReceiverWorld(Requestor):
    """A receiver, the stream that it publishes to, and the queue that it submits to."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.ids = PredictionIds(b"k" * 32, 3600, self.loop.time)
        self.stream = ScriptedReplyStream(self.loop.time)
        self.claims = self.stream.claims
        self.follows = True
        self.refuses: PredictionError | None = None
        self.published: list[Message] = []
        self.around_next: tuple[list[Message], list[Message]] = [], []
        """Events that are read before and after the next one published, before its confirm."""
        self.submitted: list[tuple[str, float]] = []
        self.may_submit = asyncio.Event()
        self.may_submit.set()
        self._receiver = IdempotentReceiver(self.stream, self, self.loop.time)

    async def publish_event(self, event: Message, timeout_s: float) -> None:
        self.published.append(event)
        around, self.around_next = self.around_next, ([], [])
        for each in (*around[0], *([event] if self.follows else []), *around[1]):
            self.read(each)

    def read(self, event: Message) -> None:
        """Read an event of the stream."""
        prediction_id = self.ids.recognise(event.correlation_id)
        assert prediction_id is not None
        if event.type in (MessageType.CLAIM, MessageType.RELEASED):
            body = ClaimBody.from_message(event)
            claim = Claim(bytes.fromhex(body.key), bytes.fromhex(body.request), prediction_id)
            is_claim = event.type == MessageType.CLAIM
            self.claims.add(claim) if is_claim else self.claims.release(claim)
        else:
            self.claims.mark_accepted(prediction_id)

    async def submit_order(self, order: Order, *, age_s: float, timeout_s: float) -> None:
        await self.may_submit.wait()
        if self.refuses:
            raise self.refuses
        self.submitted.append((order.correlation_id, age_s))

    def call_with_key(self, key: str = "key", body: bytes = BODY) -> "asyncio.Task[PredictionId]":
        """Start a call with a key, and let it go as far as it can."""
        order = order_of(self.ids.mint(), "m", body)
        accepting = self._receiver.accept(
            KeyedRequest.from_order("", key, order), order, self.submit_order, TIMEOUT_S
        )
        task = self.loop.create_task(accepting)
        self.loop.settle()
        return task

    def claim_elsewhere(self, key: str = "key", body: bytes = BODY) -> str:
        """Read another gateway's claim of a key; return its prediction's id."""
        order = order_of(self.ids.mint(), "m", body)
        keyed = KeyedRequest.from_order("", key, order)
        self.claim_of_other = ClaimBody(keyed.key.hex(), keyed.request.hex())
        self.read(self.claim_of_other.to_message(order.correlation_id, 0))
        return order.correlation_id

    def pass_time(self, seconds: float) -> None:
        self.loop.now_s += seconds
        self.loop.settle()


def order_of(prediction_id: PredictionId, model: str, body: bytes) -> Order:
    return Order(prediction_id, spell(prediction_id), model, body)


@pytest.fixture
def world(manual_loop: ManualLoop) -> ReceiverWorld:
    """A gateway that has caught up with an empty stream."""
    return ReceiverWorld(manual_loop)


def types_of(messages: list[Message]) -> list[str]:
    return [message.type for message in messages]


def test_a_key_is_claimed_before_its_request_is_submitted_and_accepted_afterwards(
    world: ReceiverWorld,
) -> None:
    world.may_submit.clear()
    task = world.call_with_key()
    assert types_of(world.published) == ["prediction.claim"]
    world.may_submit.set()
    world.loop.settle()
    assert types_of(world.published) == ["prediction.claim", "prediction.accepted"]
    assert world.submitted == [(spell(task.result()), 0)]


def test_a_gateway_submits_no_request_before_it_has_read_the_first_claim(
    world: ReceiverWorld,
) -> None:
    world.follows = False
    task = world.call_with_key()
    assert world.submitted == []
    first = world.claim_elsewhere()
    for event in world.published:
        world.read(event)
    world.loop.settle()
    assert not task.done()
    accepted = world.ids.recognise(first)
    assert accepted is not None
    world.claims.mark_accepted(accepted)
    world.loop.settle()
    assert task.result() == accepted
    assert world.submitted == []


def test_a_call_whose_claim_is_not_read_in_time_is_unavailable(world: ReceiverWorld) -> None:
    world.follows = False
    task = world.call_with_key()
    world.pass_time(TIMEOUT_S)
    assert isinstance(task.exception(), Unavailable)
    assert world.submitted == []


def test_simultaneous_calls_with_a_key_are_claimed_and_submitted_once(
    world: ReceiverWorld,
) -> None:
    world.may_submit.clear()
    tasks = [world.call_with_key() for _ in range(100)]
    world.may_submit.set()
    world.loop.settle()
    assert len({task.result() for task in tasks}) == 1
    assert len(world.submitted) == 1
    assert len(world.published) == 2


def test_a_key_is_released_when_its_model_is_unknown(world: ReceiverWorld) -> None:
    world.refuses = UnknownModel("There is no model 'm'.")
    assert isinstance(world.call_with_key().exception(), UnknownModel)
    assert types_of(world.published) == ["prediction.claim", "prediction.released"]
    world.refuses = None
    assert world.call_with_key(body=b'{"input": 2}').result()


def test_a_key_that_is_released_before_a_claim_is_confirmed_is_claimed_again(
    world: ReceiverWorld,
) -> None:
    first = world.claim_elsewhere()
    world.claims.forget()  # the claim is read only after the call has looked it up
    claimed = world.claim_of_other
    world.around_next = [claimed.to_message(first, 0)], [claimed.released(first, 0)]
    assert spell(world.call_with_key().result()) != first
    assert types_of(world.published) == ["prediction.claim"] * 2 + ["prediction.accepted"]


def test_a_call_that_waits_for_a_released_claim_is_unavailable_at_once(
    world: ReceiverWorld,
) -> None:
    first = world.claim_elsewhere()
    task = world.call_with_key()
    assert not task.done()
    world.read(world.claim_of_other.released(first, 0))
    world.loop.settle()
    assert isinstance(task.exception(), Unavailable)
    assert world.submitted == []


def test_a_caller_who_leaves_does_not_end_the_acceptance_of_others(world: ReceiverWorld) -> None:
    world.may_submit.clear()
    first, second = world.call_with_key(), world.call_with_key()
    first.cancel()
    world.loop.settle()
    world.may_submit.set()
    world.loop.settle()
    assert spell(second.result()) == world.submitted[0][0]


def test_an_acceptance_ends_with_its_last_caller_and_the_next_caller_resumes_it(
    world: ReceiverWorld,
) -> None:
    world.may_submit.clear()
    left = [world.call_with_key(), world.call_with_key()]
    for task in left:
        task.cancel()
    world.loop.settle()
    world.may_submit.set()
    world.loop.settle()
    assert world.submitted == []
    following = world.call_with_key()
    world.pass_time(PATIENCE_S)
    assert [spell(following.result())] == [prediction_id for prediction_id, _ in world.submitted]
    assert types_of(world.published) == ["prediction.claim", "prediction.accepted"]


def test_a_claim_without_a_request_is_taken_up_under_the_same_id(
    world: ReceiverWorld,
) -> None:
    first = world.claim_elsewhere()
    world.loop.now_s = 1
    tasks = [world.call_with_key(), world.call_with_key()]
    world.pass_time(PATIENCE_S - 1.25)
    assert not world.submitted
    world.pass_time(0.25)
    assert [spell(task.result()) for task in tasks] == [first, first]
    assert world.submitted == [(first, PATIENCE_S)]
    assert types_of(world.published) == ["prediction.accepted"]
    assert spell(world.call_with_key().result()) == first
    assert len(world.submitted) == 1


def test_a_claim_is_not_taken_up_by_a_gateway_that_has_not_caught_up(
    world: ReceiverWorld,
) -> None:
    world.claim_elsewhere()
    world.stream.is_caught_up = False
    task = world.call_with_key()
    world.pass_time(PATIENCE_S)
    assert isinstance(task.exception(), Unavailable)
    assert world.submitted == []


def test_a_refused_request_fails_all_its_calls_and_is_submitted_by_a_retry(
    world: ReceiverWorld,
) -> None:
    world.refuses = Refused("The queue is full.")
    world.may_submit.clear()
    tasks = [world.call_with_key(), world.call_with_key()]
    world.may_submit.set()
    world.loop.settle()
    assert [type(task.exception()) for task in tasks] == [Refused, Refused]
    world.refuses = None
    world.pass_time(PATIENCE_S)
    again = world.call_with_key()
    assert spell(again.result()) == world.published[0].correlation_id
    assert types_of(world.published) == ["prediction.claim", "prediction.accepted"]


def test_a_key_whose_claim_has_expired_stands_for_a_new_prediction(
    world: ReceiverWorld,
) -> None:
    first = world.claim_elsewhere()
    world.pass_time(900)
    again = world.call_with_key()
    assert spell(again.result()) != first
    assert world.submitted == [(spell(again.result()), 0)]


def test_a_call_with_another_request_is_a_conflict_during_the_first_acceptance(
    world: ReceiverWorld,
) -> None:
    world.may_submit.clear()
    first, another = world.call_with_key(), world.call_with_key(body=b'{"input": 2}')
    assert isinstance(another.exception(), IdempotencyConflict)
    world.may_submit.set()
    world.loop.settle()
    assert first.exception() is None


def test_a_key_of_another_owner_or_with_another_request_has_another_digest() -> None:
    orders = [
        order_of(PredictionId(0), model, body)
        for model, body in (("m", b"1"), ("m", b"2"), ("n", b"1"))
    ]
    of_one = [KeyedRequest.from_order("one", "key", order) for order in orders]
    assert len({each.key for each in of_one}) == 1
    assert len({each.request for each in of_one}) == 3
    of_other = KeyedRequest.from_order("other", "key", orders[0])
    assert of_other.key != of_one[0].key
    assert of_other.request == of_one[0].request
