"""Trace context from outside, and numbers that are read when somebody scrapes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from common.telemetry import Reading, Readings, valid_traceparent

EXAMPLE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def hexadecimal(digits: int) -> st.SearchStrategy[str]:
    """So many hexadecimal digits, not all of them 0."""
    return st.integers(1, 16**digits - 1).map(lambda number: f"{number:0{digits}x}")


@given(st.integers(0, 254), hexadecimal(32), hexadecimal(16), st.integers(0, 255))
def test_a_traceparent_of_the_specification_is_passed_on(
    version: int, trace_id: str, parent_id: str, flags: int
) -> None:
    header = f"{version:02x}-{trace_id}-{parent_id}-{flags:02x}"
    assert valid_traceparent(header) == header


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
def test_one_character_from_elsewhere_spoils_a_traceparent(place: int, wrong: str) -> None:
    assert valid_traceparent(EXAMPLE[:place] + wrong + EXAMPLE[place + 1 :]) is None


def test_readings_are_read_at_each_scrape_and_not_before() -> None:
    waiting: list[str] = []
    registry = CollectorRegistry()
    registry.register(Readings([Reading("depth", "How deep.", lambda: len(waiting))], []))
    for depth in range(3):
        assert f"depth {depth}.0" in generate_latest(registry).decode().splitlines()
        waiting.append("one more")


def test_a_counter_has_its_total_for_each_value_of_its_label() -> None:
    ended = {"succeeded": 2, "failed": 1}
    registry = CollectorRegistry()
    registry.register(Readings([], [Reading("ended", "Ended.", lambda: ended, label="state")]))
    lines = generate_latest(registry).decode().splitlines()
    assert 'ended_total{state="succeeded"} 2.0' in lines
    assert 'ended_total{state="failed"} 1.0' in lines
