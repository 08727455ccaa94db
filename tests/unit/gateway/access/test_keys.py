"""Whose key a caller shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.keys import ApiKeys
from gateway.settings import parse_api_keys

ACCESS = ApiKeys(parse_api_keys("alice=a-new,alice=a-old,bob=b1"))


@pytest.mark.parametrize(
    ("key", "name"),
    [("a-new", "alice"), ("a-old", "alice"), ("b1", "bob"), ("b", None), ("", None)],
)
def test_each_key_of_a_name_shows_it_in_either_header(key: str, name: str | None) -> None:
    assert ACCESS.name_of(f"Bearer {key}", "") == name
    assert ACCESS.name_of(f"bearer  {key} ", "") == name
    assert ACCESS.name_of("", key) == name


def test_a_bearer_goes_before_the_other_header_and_other_schemes_do_not() -> None:
    assert ACCESS.name_of("Bearer a-new", "b1") == "alice"
    assert ACCESS.name_of("Bearer wrong", "b1") is None
    assert ACCESS.name_of("Basic a-new", "b1") == "bob"
    assert ACCESS.name_of("Basic a-new", "") is None


@given(st.text(), st.text())
def test_what_is_no_key_of_ours_shows_no_name(authorization: str, x_api_key: str) -> None:
    assert ApiKeys(()).name_of(authorization, x_api_key) is None
    assert ACCESS.name_of(authorization, x_api_key) is None
