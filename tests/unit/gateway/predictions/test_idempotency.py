"""What a gateway does with a key when others are slow, fail or leave; by a clock of the test's."""

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


class Receiver(Requestor):
    """A receiver, the stream that it publishes to, and the queue that it submits to."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.ids = PredictionIds(b"k" * 32, 3600, self.loop.time)
        self.stream = ScriptedReplyStream(self.loop.time)
        self.claims = self.stream.claims
        self.follows = True
        self.refuses: PredictionError | None = None
        self.told: list[Message] = []
        self.around_next: tuple[list[Message], list[Message]] = [], []
        """What is read before and behind what is told next, before that is confirmed."""
        self.submitted: list[tuple[str, float]] = []
        self.may_submit = asyncio.Event()
        self.may_submit.set()
        self._receiver = IdempotentReceiver(self.stream, self, self.loop.time)

    async def publish_event(self, event: Message, timeout_s: float) -> None:
        self.told.append(event)
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
            hear = event.type == MessageType.CLAIM
            self.claims.add(claim) if hear else self.claims.release(claim)
        else:
            self.claims.mark_accepted(prediction_id)

    async def submit_order(self, order: Order, *, age_s: float, timeout_s: float) -> None:
        await self.may_submit.wait()
        if self.refuses:
            raise self.refuses
        self.submitted.append((order.correlation_id, age_s))

    def ask(self, key: str = "key", body: bytes = BODY) -> "asyncio.Task[PredictionId]":
        """A call with a key, as far as it goes at once."""
        order = order_of(self.ids.mint(), "m", body)
        accepting = self._receiver.accept(
            KeyedRequest.from_order("", key, order), order, self.submit_order, TIMEOUT_S
        )
        task = self.loop.create_task(accepting)
        self.loop.settle()
        return task

    def hear_claim(self, key: str = "key", body: bytes = BODY) -> str:
        """Another gateway has claimed a key; returns its prediction's id."""
        order = order_of(self.ids.mint(), "m", body)
        keyed = KeyedRequest.from_order("", key, order)
        self.heard = ClaimBody(keyed.key.hex(), keyed.request.hex())
        self.read(self.heard.to_message(order.correlation_id, 0))
        return order.correlation_id

    def pass_time(self, seconds: float) -> None:
        self.loop.now_s += seconds
        self.loop.settle()


def order_of(prediction_id: PredictionId, model: str, body: bytes) -> Order:
    return Order(prediction_id, spell(prediction_id), model, body)


@pytest.fixture
def receiver(manual_loop: ManualLoop) -> Receiver:
    """A gateway that has caught up with an empty stream."""
    return Receiver(manual_loop)


def types_of(messages: list[Message]) -> list[str]:
    return [message.type for message in messages]


def test_a_key_is_claimed_before_its_request_is_sent_and_accepted_after_it(
    receiver: Receiver,
) -> None:
    receiver.may_submit.clear()
    asked = receiver.ask()
    assert types_of(receiver.told) == ["prediction.claim"]
    receiver.may_submit.set()
    receiver.loop.settle()
    assert types_of(receiver.told) == ["prediction.claim", "prediction.accepted"]
    assert receiver.submitted == [(spell(asked.result()), 0)]


def test_a_gateway_says_nothing_before_it_has_read_who_was_first(receiver: Receiver) -> None:
    receiver.follows = False
    asked = receiver.ask()
    assert receiver.submitted == []
    first = receiver.hear_claim()
    for event in receiver.told:
        receiver.read(event)
    receiver.loop.settle()
    assert not asked.done()
    accepted = receiver.ids.recognise(first)
    assert accepted is not None
    receiver.claims.mark_accepted(accepted)
    receiver.loop.settle()
    assert asked.result() == accepted
    assert receiver.submitted == []


def test_a_claim_that_is_not_read_in_time_is_a_call_to_be_tried_again(receiver: Receiver) -> None:
    receiver.follows = False
    asked = receiver.ask()
    receiver.pass_time(TIMEOUT_S)
    assert isinstance(asked.exception(), Unavailable)
    assert receiver.submitted == []


def test_calls_that_come_together_are_claimed_and_sent_once(receiver: Receiver) -> None:
    receiver.may_submit.clear()
    asked = [receiver.ask() for _ in range(100)]
    receiver.may_submit.set()
    receiver.loop.settle()
    assert len({task.result() for task in asked}) == 1
    assert len(receiver.submitted) == 1
    assert len(receiver.told) == 2


def test_a_key_is_free_again_when_there_is_no_such_model(receiver: Receiver) -> None:
    receiver.refuses = UnknownModel("There is no model 'm'.")
    assert isinstance(receiver.ask().exception(), UnknownModel)
    assert types_of(receiver.told) == ["prediction.claim", "prediction.released"]
    receiver.refuses = None
    assert receiver.ask(body=b'{"input": 2}').result()


def test_a_key_that_is_released_before_a_claim_is_confirmed_is_claimed_again(
    receiver: Receiver,
) -> None:
    first = receiver.hear_claim()
    receiver.claims.forget()  # it is read only after the call has looked
    claimed = receiver.heard
    receiver.around_next = [claimed.to_message(first, 0)], [claimed.released(first, 0)]
    assert spell(receiver.ask().result()) != first
    assert types_of(receiver.told) == ["prediction.claim"] * 2 + ["prediction.accepted"]


def test_who_waits_for_a_call_that_is_refused_is_to_try_again_at_once(receiver: Receiver) -> None:
    first = receiver.hear_claim()
    asked = receiver.ask()
    assert not asked.done()
    receiver.read(receiver.heard.released(first, 0))
    receiver.loop.settle()
    assert isinstance(asked.exception(), Unavailable)
    assert receiver.submitted == []


def test_one_caller_who_leaves_takes_nothing_from_the_others(receiver: Receiver) -> None:
    receiver.may_submit.clear()
    first, second = receiver.ask(), receiver.ask()
    first.cancel()
    receiver.loop.settle()
    receiver.may_submit.set()
    receiver.loop.settle()
    assert spell(second.result()) == receiver.submitted[0][0]


def test_when_all_callers_have_left_nothing_goes_on_and_the_next_one_begins_anew(
    receiver: Receiver,
) -> None:
    receiver.may_submit.clear()
    left = [receiver.ask(), receiver.ask()]
    for task in left:
        task.cancel()
    receiver.loop.settle()
    receiver.may_submit.set()
    receiver.loop.settle()
    assert receiver.submitted == []
    following = receiver.ask()
    receiver.pass_time(PATIENCE_S)
    assert [spell(following.result())] == [prediction_id for prediction_id, _ in receiver.submitted]
    assert types_of(receiver.told) == ["prediction.claim", "prediction.accepted"]


def test_a_claim_that_its_gateway_does_not_follow_up_is_followed_up_under_the_same_id(
    receiver: Receiver,
) -> None:
    first = receiver.hear_claim()
    receiver.loop.now_s = 1
    asked = [receiver.ask(), receiver.ask()]
    receiver.pass_time(PATIENCE_S - 1.25)
    assert not receiver.submitted
    receiver.pass_time(0.25)
    assert [spell(task.result()) for task in asked] == [first, first]
    assert receiver.submitted == [(first, PATIENCE_S)]
    assert types_of(receiver.told) == ["prediction.accepted"]
    assert spell(receiver.ask().result()) == first
    assert len(receiver.submitted) == 1


def test_whoever_has_not_caught_up_does_not_know_what_was_not_followed_up(
    receiver: Receiver,
) -> None:
    receiver.hear_claim()
    receiver.stream.is_caught_up = False
    asked = receiver.ask()
    receiver.pass_time(PATIENCE_S)
    assert isinstance(asked.exception(), Unavailable)
    assert receiver.submitted == []


def test_a_refused_request_is_refused_to_all_and_sent_when_it_is_tried_again(
    receiver: Receiver,
) -> None:
    receiver.refuses = Refused("The queue is full.")
    receiver.may_submit.clear()
    asked = [receiver.ask(), receiver.ask()]
    receiver.may_submit.set()
    receiver.loop.settle()
    assert [type(task.exception()) for task in asked] == [Refused, Refused]
    receiver.refuses = None
    receiver.pass_time(PATIENCE_S)
    again = receiver.ask()
    assert spell(again.result()) == receiver.told[0].correlation_id
    assert types_of(receiver.told) == ["prediction.claim", "prediction.accepted"]


def test_a_key_that_waited_too_long_for_its_request_stands_for_a_new_prediction(
    receiver: Receiver,
) -> None:
    first = receiver.hear_claim()
    receiver.pass_time(900)
    again = receiver.ask()
    assert spell(again.result()) != first
    assert receiver.submitted == [(spell(again.result()), 0)]


def test_another_request_is_a_conflict_at_once_also_while_the_first_is_under_way(
    receiver: Receiver,
) -> None:
    receiver.may_submit.clear()
    first, another = receiver.ask(), receiver.ask(body=b'{"input": 2}')
    assert isinstance(another.exception(), IdempotencyConflict)
    receiver.may_submit.set()
    receiver.loop.settle()
    assert first.exception() is None


def test_the_same_key_of_another_owner_or_with_another_model_is_told_apart() -> None:
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
