"""The settings of access control: keys, rate and origins, as an operator writes them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import ApiKey, Rate, parse_api_keys, parse_origins, parse_rate


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("alice=a1", [("alice", "a1")]),
        ("alice=a1,bob=b1", [("alice", "a1"), ("bob", "b1")]),
        (" alice=a1 , bob=b1 ", [("alice", "a1"), ("bob", "b1")]),
        ("alice=new,alice=old", [("alice", "new"), ("alice", "old")]),
        ("team.a-b_9=c2VjcmV0Cg==", [("team.a-b_9", "c2VjcmV0Cg==")]),
        ("a=-._~+/", [("a", "-._~+/")]),
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
        ("alice=a1,", "entry 2 is not name=key"),
        ("alice=a1,,bob=b1", "entry 2 is not name=key"),
        ("al ice=a1", "entry 1 is not name=key"),
        ("é=a1", "entry 1 is not name=key"),
        ("x" * 65 + "=a1", "entry 1 is not name=key"),
        ("alice=a1,bob=not so", "the key in entry 2 has more than"),
        ("alice=a=b", "the key in entry 1 has more than"),
        ("alice=é", "the key in entry 1 has more than"),
        ("alice=a1,bob=a1", "entry 2 has a key that was there before"),
        ("alice=a1,alice=a1", "entry 2 has a key that was there before"),
    ],
)
def test_a_malformed_key_is_refused_by_its_place(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_api_keys(text)


@given(st.text() | st.text("a=,- é"))
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
