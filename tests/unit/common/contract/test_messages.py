"""The codec of requests, and requests that are refused."""

from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contract.messages import MAX_REQUEST_BYTES, Message, Request
from common.errors import MalformedRequest

REQUESTS: Final = st.builds(
    Request,
    correlation_id=st.text(min_size=1),
    body=st.binary(),
    reply_to=st.text(min_size=1),
    expiration_ms=st.integers(1),
    timestamp_s=st.integers(),
    traceparent=st.none() | st.text(min_size=1),
    tracestate=st.none() | st.text(min_size=1),
)
UNKNOWN_HEADERS: Final = st.dictionaries(
    st.text().filter(lambda name: name not in {"traceparent", "tracestate"}),
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers()),
)


def request_message(**changes: Any) -> Message:
    """Return a request as a message, with ``changes``."""
    request = Message(
        type="prediction.request",
        body=b'{"input": 1}',
        correlation_id="c",
        reply_to="r",
        expiration_ms=1000,
        timestamp_s=1_700_000_000,
    )
    return msgspec.structs.replace(request, **changes)


@given(REQUESTS, UNKNOWN_HEADERS)
def test_a_request_is_decoded_as_it_was_encoded_whatever_headers_were_added(
    request: Request, headers: dict[str, Any]
) -> None:
    sent = request.to_message()
    arrived = msgspec.structs.replace(sent, headers=headers | sent.headers)
    assert Request.from_message(arrived) == request
    assert sent.type == "prediction.request"


def test_a_request_without_trace_context_carries_no_header() -> None:
    assert Request.from_message(request_message()).to_message().headers == {}


def test_a_traceparent_that_is_no_text_is_ignored() -> None:
    message = request_message(headers={"traceparent": 7})
    assert Request.from_message(message).traceparent is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"type": "prediction.succeeded"}, "type"),
        ({"type": ""}, "type"),
        ({"correlation_id": ""}, "correlation_id"),
        ({"reply_to": None}, "reply_to"),
        ({"reply_to": ""}, "reply_to"),
        ({"reply_to": "amq.rabbitmq.reply-to.x.y"}, "direct reply-to"),
        ({"expiration_ms": None}, "expiration"),
        ({"expiration_ms": 0}, "expiration"),
        ({"timestamp_s": None}, "timestamp"),
    ],
    ids=str,
)
def test_a_request_with_a_missing_or_wrong_property_is_refused_with_its_name(
    change: dict[str, Any], named: str
) -> None:
    with pytest.raises(MalformedRequest, match=named):
        Request.from_message(request_message(**change))


def test_a_request_that_is_larger_than_the_contract_allows_is_refused() -> None:
    largest = request_message(body=MAX_REQUEST_BYTES * b" ")
    assert Request.from_message(largest).body == largest.body
    with pytest.raises(MalformedRequest, match="larger"):
        Request.from_message(request_message(body=largest.body + b" "))
