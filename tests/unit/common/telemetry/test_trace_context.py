"""Trace contexts of clients: those passed on, and those ignored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.telemetry.trace_context import trace_context, valid_traceparent, valid_tracestate

EXAMPLE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def hexadecimal(digits: int) -> st.SearchStrategy[str]:
    """Return numbers of ``digits`` hexadecimal digits, other than 0."""
    return st.integers(1, 16**digits - 1).map(lambda number: f"{number:0{digits}x}")


@given(st.integers(0, 254), hexadecimal(32), hexadecimal(16), st.integers(0, 255))
def test_a_traceparent_of_the_specification_is_passed_on(
    version: int, trace_id: str, parent_id: str, flags: int
) -> None:
    header = f"{version:02x}-{trace_id}-{parent_id}-{flags:02x}"
    assert valid_traceparent(header) == header
    if version:
        assert valid_traceparent(f"{header}-more") == f"{header}-more"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "ff" + EXAMPLE[2:],
        EXAMPLE.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        EXAMPLE.replace("00f067aa0ba902b7", "0" * 16),
        EXAMPLE.upper(),
        EXAMPLE + "-more",
        EXAMPLE + "\n",
        " " + EXAMPLE,
        EXAMPLE.replace("-", "_"),
        EXAMPLE[:-1],
        EXAMPLE.replace("4", "٤"),
    ],
)
def test_a_traceparent_that_the_specification_forbids_is_ignored(header: str | None) -> None:
    assert valid_traceparent(header) is None


@given(st.integers(0, len(EXAMPLE) - 1), st.characters(exclude_characters="0123456789abcdef-"))
def test_a_traceparent_with_one_foreign_character_is_ignored(place: int, wrong: str) -> None:
    assert valid_traceparent(EXAMPLE[:place] + wrong + EXAMPLE[place + 1 :]) is None


@pytest.mark.parametrize("headers", [["a=1"], ["a=1,b=2"], ["a=1", "b=2"], ["x=" + "y" * 200]])
def test_a_tracestate_is_passed_on_as_one_header(headers: list[str]) -> None:
    assert valid_tracestate(headers) == ",".join(headers)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        ["a=" + "x" * 257],
        [f"a{number}=" + "x" * 200 for number in range(3)],
        [",".join(f"a{number}=1" for number in range(33))],
        ["a=\r\nb"],
        ["a=\u00e9"],
        ["A=1"],
        ["a"],
        ["a=1,a=2"],
        ["a=1=2"],
    ],
)
def test_a_tracestate_that_is_malformed_or_too_long_is_ignored(headers: list[str]) -> None:
    assert valid_tracestate(headers) is None


def test_the_context_of_a_message_has_only_valid_headers() -> None:
    assert trace_context({"traceparent": EXAMPLE, "tracestate": "a=1", "more": 7}) == {
        "traceparent": EXAMPLE,
        "tracestate": "a=1",
    }
    assert trace_context({"traceparent": EXAMPLE, "tracestate": 7}) == {"traceparent": EXAMPLE}
    assert trace_context({"traceparent": b"bytes", "tracestate": "a=1"}) == {}
    assert trace_context({}) == {}
