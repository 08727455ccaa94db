"""The codec of replies, and final states of dead letters."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contract.messages import (
    CANCELLED,
    MAX_MESSAGE_BYTES,
    MAX_SENTENCE_CHARS,
    Message,
    MessageType,
    Reply,
    final_reply,
)
from common.contract.timing import Timing
from common.errors import BY_CODE, Cancelled, InvalidInput, ModelFailed, PredictionError
from tests.unit.common.contract.test_messages import request_message


def test_a_success_holds_the_bytes_of_input_and_result() -> None:
    reply = Reply.succeeded(b"1.50", b'"\\u00e9"')
    assert reply.type == "prediction.succeeded"
    assert reply.result() == b'{"input": 1.50, "result": "\\u00e9"}'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"input": 1e308, "result": Infinity}',
        b'{"input": 1, "result": NaN}',
        b'{"input": 1, "result": 01}',
        b'{"input": 1, "result": [1,]}',
        b'{"input": 1, "result": 1}, 2',
        b'{"input": 1, "result": "\xff"}',
        b'{"input": 1, "result": "\xed\xa0\x80"}',
        b'{"input": 1, "result": "\\ud800"}',
        b"[" * 100_000,
        b"'text'",
    ],
    ids=lambda body: str(body)[:40],
)
def test_a_success_of_another_predictor_that_is_no_json_is_a_failure_of_its_model(
    body: bytes,
) -> None:
    with pytest.raises(ModelFailed, match="a result that is no JSON"):
        Reply("prediction.succeeded", body).result()


def test_a_success_may_be_as_large_as_a_message_and_not_a_byte_larger() -> None:
    room = MAX_MESSAGE_BYTES - len(Reply.succeeded(b"", b"").body)
    assert len(Reply.succeeded(b"1", b"2" * (room - 1)).body) == MAX_MESSAGE_BYTES
    with pytest.raises(ModelFailed, match="larger"):
        Reply.succeeded(b"1", b"2" * room)


@given(st.sampled_from(list(BY_CODE.values())), st.text(max_size=200), st.text(), st.integers(0))
def test_a_failure_is_decoded_as_the_error_that_it_was_encoded_from(
    kind: type[PredictionError], sentence: str, correlation_id: str, timestamp_s: int
) -> None:
    message = Reply.failed(kind(sentence)).to_message(correlation_id, timestamp_s)
    assert (message.type, message.correlation_id) == ("prediction.failed", correlation_id)
    assert message.timestamp_s == timestamp_s
    reply = final_reply(message)
    assert reply is not None
    with pytest.raises(PredictionError) as raised:
        reply.result()
    assert type(raised.value) is kind
    assert raised.value.sentence == sentence


def test_a_cancellation_is_a_final_state_without_a_body() -> None:
    message = CANCELLED.to_message("c", 1)
    assert (message.type, message.body, message.headers) == ("prediction.cancelled", b"", {})
    assert final_reply(message) == CANCELLED
    assert CANCELLED.outcome() == "cancelled"
    with pytest.raises(Cancelled, match=r"^Prediction was cancelled\.$"):
        CANCELLED.result()


def test_the_timing_of_a_prediction_is_a_header_of_its_reply() -> None:
    reply = Reply(MessageType.SUCCEEDED, b"{}", Timing.of(0.0123, 0.5))
    message = reply.to_message("c", 1)
    assert message.headers == {"timing": "12.3,500.0"}
    assert final_reply(message) == reply


def test_the_body_of_a_failure_is_a_code_and_a_sentence() -> None:
    body = msgspec.json.decode(Reply.failed(InvalidInput("Too hot.")).body)
    assert body == {"code": "invalid_input", "error": "Too hot."}


@pytest.mark.parametrize(
    ("sentence", "travels"),
    [
        (ValueError("Too hot."), "Too hot."),
        (42, "42"),
        ("lone \ud800.", "lone ?."),
        ("é" * MAX_MESSAGE_BYTES, "é" * MAX_SENTENCE_CHARS + "…"),
    ],
    ids=["an exception", "a number", "a lone surrogate", "too long for a message"],
)
def test_any_reason_that_a_model_gives_is_encoded(sentence: Any, travels: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Reply.failed(InvalidInput(sentence)).result()
    assert raised.value.sentence == travels


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{nope",
        b"[]",
        b'{"code": "invalid_input"}',
        b'{"code": 1, "error": "x"}',
        b'{"code": "invalid_input", "error": "\xff"}',
        b'{"code": "invalid_input", "error": "x", "more": '
        + b"[" * 100_000
        + b"]" * 100_000
        + b"}",
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_failure_that_cannot_be_decoded_is_a_failure_of_the_model(body: bytes) -> None:
    with pytest.raises(ModelFailed, match="cannot be read"):
        Reply(MessageType.FAILED, body).result()


@pytest.mark.parametrize("code", ["", "of_a_later_version", "unknown_prediction"])
def test_a_failure_with_a_code_that_no_reply_may_carry_is_a_failure_of_the_model(code: str) -> None:
    body = msgspec.json.encode({"code": code, "error": "Why.", "more": [1]})
    with pytest.raises(ModelFailed, match="Why"):
        Reply(MessageType.FAILED, body).result()


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("expired", "deadline_exceeded"),
        ("delivery_limit", "predictor_crashed"),
        ("rejected", "malformed_request"),
    ],
)
def test_a_dead_lettered_request_is_a_failure_by_its_reason(reason: str, code: str) -> None:
    reply = final_reply(request_message(headers={"x-first-death-reason": reason}))
    assert reply is not None
    with pytest.raises(BY_CODE[code]):
        reply.result()


@pytest.mark.parametrize(
    "message",
    [
        request_message(),
        request_message(headers={"x-first-death-reason": "of a later version"}),
        request_message(headers={"x-first-death-reason": None}),
        request_message(type="journal.marker"),
        request_message(type="of.a.later.version"),
    ],
)
def test_messages_of_other_types_have_no_final_state(message: Message) -> None:
    assert final_reply(message) is None
