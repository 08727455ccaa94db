"""The settings of access control: keys, rate and origins, as an operator writes them."""

import shlex
import subprocess
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import MAKE_A_KEY, ApiKey, Rate, parse_api_keys, parse_origins, parse_rate

A, B = "a-key-of-16-chars", "b-key-of-16-chars"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (f"alice={A}", [("alice", A)]),
        (f"alice={A},bob={B}", [("alice", A), ("bob", B)]),
        (f" alice={A} , bob={B} ", [("alice", A), ("bob", B)]),
        (f"alice={B},alice={A}", [("alice", B), ("alice", A)]),
        ("team.a-b_9=YSBzZWNyZXQga2V5IQ==", [("team.a-b_9", "YSBzZWNyZXQga2V5IQ==")]),
        ("a=0123456789-._~+/", [("a", "0123456789-._~+/")]),
    ],
)
def test_a_key_has_a_name_and_a_name_may_have_several_keys(
    text: str, keys: list[tuple[str, str]]
) -> None:
    assert parse_api_keys(text) == tuple(ApiKey(*key) for key in keys)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("secret", "entry 1 is not name=key"),
        ("=secret", "entry 1 is not name=key"),
        ("alice=", "entry 1 is not name=key"),
        (f"alice={A},", "entry 2 is not name=key"),
        (f"alice={A},,bob={B}", "entry 2 is not name=key"),
        (f"al ice={A}", "entry 1 is not name=key"),
        (f"é={A}", "entry 1 is not name=key"),
        ("x" * 65 + f"={A}", "entry 1 is not name=key"),
        (f"alice={A},bob=not so", "the key in entry 2 has more than"),
        ("alice=a=b", "the key in entry 1 has more than"),
        ("alice=é", "the key in entry 1 has more than"),
        (f"alice={A},bob={A}", "entry 2 has a key that was there before"),
        (f"alice={A},alice={A}", "entry 2 has a key that was there before"),
    ],
)
def test_a_malformed_key_is_refused_by_its_place(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_api_keys(text)


@given(st.text("abcXYZ019._~+/-", min_size=1, max_size=32), st.sampled_from(["", "=" * 16]))
def test_a_key_shorter_than_16_characters_is_refused_with_a_command_that_makes_one(
    key: str, padding: str
) -> None:
    """Padding is none of them."""
    if len(key) >= 16:
        assert parse_api_keys(f"alice={key}{padding}") == (ApiKey("alice", key + padding),)
        return
    with pytest.raises(ValueError, match="fewer than 16 characters") as refused:
        parse_api_keys(f"alice={A},bob={key}{padding}")
    assert "entry 2" in str(refused.value)
    assert MAKE_A_KEY in str(refused.value)


def test_the_command_that_makes_a_key_makes_a_new_one_that_is_accepted() -> None:
    made = [
        subprocess.run(shlex.split(MAKE_A_KEY), capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert len(parse_api_keys(",".join(f"alice={key.strip()}" for key in made))) == 2


@given(st.text() | st.text("a=,- é", min_size=16) | st.text("abc=-", min_size=16).map("a=".__add__))
def test_keys_of_any_text_are_read_whole_or_refused(text: str) -> None:
    try:
        keys = parse_api_keys(text)
    except ValueError:
        return
    rendered = ",".join(f"{key.name}={key.key}" for key in keys)
    assert rendered == ",".join(entry.strip() for entry in text.split(","))


@pytest.mark.parametrize(
    ("text", "count", "period"),
    [
        ("100/minute", 100, timedelta(minutes=1)),
        ("1/second", 1, timedelta(seconds=1)),
        (" 5000 / hour ", 5000, timedelta(hours=1)),
        ("999999999/day", 999_999_999, timedelta(days=1)),
    ],
)
def test_a_rate_is_a_count_in_a_period(text: str, count: int, period: timedelta) -> None:
    assert parse_rate(text) == Rate(count, period)


@pytest.mark.parametrize("text", ["0/minute", "-1/minute", "1.5/minute", "100", "100/week", "/day"])
def test_a_malformed_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="like 100/minute"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("https://app.example", ("https://app.example",)),
        (
            "https://a.example, http://b.example:8080",
            ("https://a.example", "http://b.example:8080"),
        ),
        ("HTTPS://App.Example", ("https://app.example",)),
        ("http://[::1]:3000", ("http://[::1]:3000",)),
        ("*", ("*",)),
    ],
)
def test_an_origin_is_a_scheme_a_host_and_an_optional_port(
    text: str, origins: tuple[str, ...]
) -> None:
    assert parse_origins(text) == origins


@pytest.mark.parametrize(
    "text",
    ["app.example", "https://", "https://app.example/", "https://*.example", "https://a,", "null"],
)
def test_a_malformed_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        parse_origins(text)


@pytest.mark.parametrize("text", ["https://app.example:443", "http://app.example:80"])
def test_an_origin_that_no_browser_would_send_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="leave the usual port out"):
        parse_origins(text)
