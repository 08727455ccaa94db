"""API keys, and the names of their owners."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.keys import ApiKeys
from gateway.settings import parse_api_keys

KEYS = ApiKeys(
    parse_api_keys("alice=the-new-key-of-alice,alice=the-old-key-of-alice,bob=the-key-of-bob-1")
)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("the-new-key-of-alice", "alice"),
        ("the-old-key-of-alice", "alice"),
        ("the-key-of-bob-1", "bob"),
        ("the-key-of-bob-", None),
        ("", None),
    ],
)
def test_a_key_gives_its_owners_name_in_either_header(key: str, name: str | None) -> None:
    assert KEYS.name_of(f"Bearer {key}", "") == name
    assert KEYS.name_of(f"bearer  {key} ", "") == name
    assert KEYS.name_of("", key) == name


def test_a_bearer_token_has_precedence_and_other_schemes_have_none() -> None:
    assert KEYS.name_of("Bearer the-new-key-of-alice", "the-key-of-bob-1") == "alice"
    assert KEYS.name_of("Bearer wrong", "the-key-of-bob-1") is None
    assert KEYS.name_of("Basic the-new-key-of-alice", "the-key-of-bob-1") == "bob"
    assert KEYS.name_of("Basic the-new-key-of-alice", "") is None


@given(st.text(), st.text())
def test_a_text_that_is_no_key_gives_no_name(authorization: str, x_api_key: str) -> None:
    assert ApiKeys(()).name_of(authorization, x_api_key) is None
    assert KEYS.name_of(authorization, x_api_key) is None
