"""The request that an order becomes, as predictors decode it."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contract.messages import Request
from gateway.prediction_id import PredictionId, spell
from gateway.request_reply.order import Order

ONE: Final = PredictionId(1)
TRACEPARENT: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def order_with(**headers: str) -> Order:
    return Order(ONE, spell(ONE), "demo", b'{"input": 1}', headers)


@given(st.floats(0, 1e9), st.floats(0, 1e10))
def test_a_request_is_decoded_as_it_was_ordered(expires_s: float, now_s: float) -> None:
    request = Request.from_message(order_with().request("reply here", expires_s, now_s))
    assert request.correlation_id == spell(ONE)
    assert request.body == b'{"input": 1}'
    assert request.reply_to == "reply here"
    assert request.expiration_ms >= 1
    assert 0 <= request.expiration_ms - expires_s * 1000 <= 1.001
    assert request.timestamp_s == int(now_s)


@pytest.mark.parametrize(
    "headers", [{}, {"traceparent": TRACEPARENT}, {"traceparent": TRACEPARENT, "tracestate": "a=1"}]
)
def test_a_request_carries_the_trace_of_its_call(headers: dict[str, str]) -> None:
    message = order_with(**headers).request("reply here", 1, 0)
    assert message.headers == headers
    request = Request.from_message(message)
    assert request.traceparent == headers.get("traceparent")
    assert request.tracestate == headers.get("tracestate")


def test_an_order_under_another_id_is_the_same_but_for_its_id() -> None:
    other = PredictionId(2)
    order = order_with(traceparent=TRACEPARENT)
    moved = order.with_id(other)
    assert (moved.prediction_id, moved.correlation_id) == (other, spell(other))
    assert moved.with_id(ONE) == order
