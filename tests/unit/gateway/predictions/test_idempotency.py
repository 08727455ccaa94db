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
from gateway.predictions.idempotency import PATIENCE_S, IdempotentReceiver, Repeatable
from gateway.reply_stream.idempotency_claims import Claim, IdempotencyClaims
from gateway.request_reply.requestor import Order
from tests.support.fakes.loops import ManualLoop

TIMEOUT_S: Final = 30.0
BODY: Final = b'{"input": 1}'


class Gateway:
    """A receiver, the stream that it tells, and the queue that it submits to."""

    def __init__(self, loop: ManualLoop) -> None:
        self.loop = loop
        self.ids = PredictionIds(b"k" * 32, 3600, self.loop.time)
        self.claims = IdempotencyClaims(3600, 900, self.loop.time)
        self.caught_up = True
        self.follows = True
        self.refuses: PredictionError | None = None
        self.told: list[Message] = []
        self.around_next: tuple[list[Message], list[Message]] = [], []
        """What is read before and behind what is told next, before that is confirmed."""
        self.submitted: list[tuple[str, float]] = []
        self.may_submit = asyncio.Event()
        self.may_submit.set()
        self._receiver = IdempotentReceiver(
            self.claims, self, self.loop.time, lambda: self.caught_up
        )

    async def tell(self, event: Message, timeout_s: float) -> None:
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
            self.claims.hear(claim) if hear else self.claims.release(claim)
        else:
            self.claims.note_accepted(prediction_id)

    async def submit(self, order: Order, *, age_s: float, timeout_s: float) -> None:
        await self.may_submit.wait()
        if self.refuses:
            raise self.refuses
        self.submitted.append((order.correlation_id, age_s))

    def ask(self, key: str = "key", body: bytes = BODY) -> "asyncio.Task[PredictionId]":
        """A call with a key, as far as it goes at once."""
        order = Order(self.ids.mint(), "m", body)
        accepting = self._receiver.accept(
            Repeatable.of("", key, order), order, self.submit, TIMEOUT_S
        )
        task = self.loop.create_task(accepting)
        self.loop.settle()
        return task

    def hear_claim(self, key: str = "key", body: bytes = BODY) -> str:
        """Another gateway has claimed a key; returns its prediction's id."""
        order = Order(self.ids.mint(), "m", body)
        repeatable = Repeatable.of("", key, order)
        self.heard = ClaimBody(repeatable.key.hex(), repeatable.request.hex())
        self.read(self.heard.to_message(order.correlation_id, 0))
        return order.correlation_id

    def pass_time(self, seconds: float) -> None:
        self.loop.now_s += seconds
        self.loop.settle()


@pytest.fixture
def gateway(manual_loop: ManualLoop) -> Gateway:
    """A gateway that has caught up with an empty stream."""
    return Gateway(manual_loop)


def types_of(messages: list[Message]) -> list[str]:
    return [message.type for message in messages]


def test_a_key_is_claimed_before_its_request_is_sent_and_accepted_after_it(
    gateway: Gateway,
) -> None:
    gateway.may_submit.clear()
    asked = gateway.ask()
    assert types_of(gateway.told) == ["prediction.claim"]
    gateway.may_submit.set()
    gateway.loop.settle()
    assert types_of(gateway.told) == ["prediction.claim", "prediction.accepted"]
    assert gateway.submitted == [(spell(asked.result()), 0)]


def test_a_gateway_says_nothing_before_it_has_read_who_was_first(gateway: Gateway) -> None:
    gateway.follows = False
    asked = gateway.ask()
    assert gateway.submitted == []
    first = gateway.hear_claim()
    for event in gateway.told:
        gateway.read(event)
    gateway.loop.settle()
    assert not asked.done()
    accepted = gateway.ids.recognise(first)
    assert accepted is not None
    gateway.claims.note_accepted(accepted)
    gateway.loop.settle()
    assert asked.result() == accepted
    assert gateway.submitted == []


def test_a_claim_that_is_not_read_in_time_is_a_call_to_be_tried_again(gateway: Gateway) -> None:
    gateway.follows = False
    asked = gateway.ask()
    gateway.pass_time(TIMEOUT_S)
    assert isinstance(asked.exception(), Unavailable)
    assert gateway.submitted == []


def test_calls_that_come_together_are_claimed_and_sent_once(gateway: Gateway) -> None:
    gateway.may_submit.clear()
    asked = [gateway.ask() for _ in range(100)]
    gateway.may_submit.set()
    gateway.loop.settle()
    assert len({task.result() for task in asked}) == 1
    assert len(gateway.submitted) == 1
    assert len(gateway.told) == 2


def test_a_key_is_free_again_when_there_is_no_such_model(gateway: Gateway) -> None:
    gateway.refuses = UnknownModel("There is no model 'm'.")
    assert isinstance(gateway.ask().exception(), UnknownModel)
    assert types_of(gateway.told) == ["prediction.claim", "prediction.released"]
    gateway.refuses = None
    assert gateway.ask(body=b'{"input": 2}').result()


def test_a_key_that_is_released_before_a_claim_is_confirmed_is_claimed_again(
    gateway: Gateway,
) -> None:
    first = gateway.hear_claim()
    gateway.claims.forget()  # it is read only after the call has looked
    claimed = gateway.heard
    gateway.around_next = [claimed.to_message(first, 0)], [claimed.released(first, 0)]
    assert spell(gateway.ask().result()) != first
    assert types_of(gateway.told) == ["prediction.claim"] * 2 + ["prediction.accepted"]


def test_who_waits_for_a_call_that_is_refused_is_to_try_again_at_once(gateway: Gateway) -> None:
    first = gateway.hear_claim()
    asked = gateway.ask()
    assert not asked.done()
    gateway.read(gateway.heard.released(first, 0))
    gateway.loop.settle()
    assert isinstance(asked.exception(), Unavailable)
    assert gateway.submitted == []


def test_one_caller_who_leaves_takes_nothing_from_the_others(gateway: Gateway) -> None:
    gateway.may_submit.clear()
    first, second = gateway.ask(), gateway.ask()
    first.cancel()
    gateway.loop.settle()
    gateway.may_submit.set()
    gateway.loop.settle()
    assert spell(second.result()) == gateway.submitted[0][0]


def test_when_all_callers_have_left_nothing_goes_on_and_the_next_one_begins_anew(
    gateway: Gateway,
) -> None:
    gateway.may_submit.clear()
    left = [gateway.ask(), gateway.ask()]
    for task in left:
        task.cancel()
    gateway.loop.settle()
    gateway.may_submit.set()
    gateway.loop.settle()
    assert gateway.submitted == []
    following = gateway.ask()
    gateway.pass_time(PATIENCE_S)
    assert [spell(following.result())] == [prediction_id for prediction_id, _ in gateway.submitted]
    assert types_of(gateway.told) == ["prediction.claim", "prediction.accepted"]


def test_a_claim_that_its_gateway_does_not_follow_up_is_followed_up_under_the_same_id(
    gateway: Gateway,
) -> None:
    first = gateway.hear_claim()
    gateway.loop.now_s = 1
    asked = [gateway.ask(), gateway.ask()]
    gateway.pass_time(PATIENCE_S - 1.25)
    assert not gateway.submitted
    gateway.pass_time(0.25)
    assert [spell(task.result()) for task in asked] == [first, first]
    assert gateway.submitted == [(first, PATIENCE_S)]
    assert types_of(gateway.told) == ["prediction.accepted"]
    assert spell(gateway.ask().result()) == first
    assert len(gateway.submitted) == 1


def test_whoever_has_not_caught_up_does_not_know_what_was_not_followed_up(
    gateway: Gateway,
) -> None:
    gateway.hear_claim()
    gateway.caught_up = False
    asked = gateway.ask()
    gateway.pass_time(PATIENCE_S)
    assert isinstance(asked.exception(), Unavailable)
    assert gateway.submitted == []


def test_a_refused_request_is_refused_to_all_and_sent_when_it_is_tried_again(
    gateway: Gateway,
) -> None:
    gateway.refuses = Refused("The queue is full.")
    gateway.may_submit.clear()
    asked = [gateway.ask(), gateway.ask()]
    gateway.may_submit.set()
    gateway.loop.settle()
    assert [type(task.exception()) for task in asked] == [Refused, Refused]
    gateway.refuses = None
    gateway.pass_time(PATIENCE_S)
    again = gateway.ask()
    assert spell(again.result()) == gateway.told[0].correlation_id
    assert types_of(gateway.told) == ["prediction.claim", "prediction.accepted"]


def test_a_key_that_waited_too_long_for_its_request_stands_for_a_new_prediction(
    gateway: Gateway,
) -> None:
    first = gateway.hear_claim()
    gateway.pass_time(900)
    again = gateway.ask()
    assert spell(again.result()) != first
    assert gateway.submitted == [(spell(again.result()), 0)]


def test_another_request_is_a_conflict_at_once_also_while_the_first_is_under_way(
    gateway: Gateway,
) -> None:
    gateway.may_submit.clear()
    first, another = gateway.ask(), gateway.ask(body=b'{"input": 2}')
    assert isinstance(another.exception(), IdempotencyConflict)
    gateway.may_submit.set()
    gateway.loop.settle()
    assert first.exception() is None


def test_the_same_key_of_another_owner_or_with_another_model_is_told_apart() -> None:
    orders = [
        Order(PredictionId(0), model, body)
        for model, body in (("m", b"1"), ("m", b"2"), ("n", b"1"))
    ]
    of_one = [Repeatable.of("one", "key", order) for order in orders]
    assert len({each.key for each in of_one}) == 1
    assert len({each.request for each in of_one}) == 3
    of_other = Repeatable.of("other", "key", orders[0])
    assert of_other.key != of_one[0].key
    assert of_other.request == of_one[0].request
