"""Durations in request headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.headers import duration_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("30s", 30),
        ("0.5", 0.5),
        ("5m", 300),
        ("1.5m", 90),
        ("2h", 7200),
        ("1h30m45s", 5445),
        ("1H30", 3630),
        ("90m", 5400),
    ],
)
def test_a_duration_is_parsed_into_seconds(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "s", "m", "0", "0s", "-1", "+1", "1d", "1 s", " 1", "1s1m", "1m1h", "1..5", ".5"),
        *("nan", "inf", "1e3", "\u0663", "9" * 400, "30s\n"),
    ],
)
def test_a_malformed_duration_is_none(text: str) -> None:
    assert duration_s(text) is None


@given(st.text(max_size=12))
def test_any_text_is_a_positive_duration_or_none(text: str) -> None:
    seconds = duration_s(text)
    assert seconds is None or 0 < seconds < 10**13
