"""The ``Prefer`` header of RFC 7240."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.headers import MAX_WAIT_S, Preferences


def read(*headers: str) -> tuple[bool, int | None]:
    """Read the ``Prefer`` headers of one request."""
    preferences = Preferences.read(headers)
    return preferences.respond_async, preferences.wait_s


@pytest.mark.parametrize(
    ("header", "respond_async", "wait_s"),
    [
        ("respond-async", True, None),
        ("Respond-Async", True, None),
        ('respond-async=""', True, None),
        ("wait=10", False, 10),
        ('WAIT = "10"', False, 10),
        ("wait=0", False, 0),
        ("respond-async, wait=10", True, 10),
        ("wait=10,respond-async", True, 10),
        ("respond-async; for=us, wait=10; really", True, 10),
        ("", False, None),
    ],
)
def test_both_preferences_are_read_in_every_spelling(
    header: str, respond_async: bool, wait_s: int | None
) -> None:
    assert read(header) == (respond_async, wait_s)


def test_several_headers_are_one_list() -> None:
    assert read("respond-async", "return=minimal, wait=3") == (True, 3)


def test_of_a_repeated_preference_the_first_counts() -> None:
    assert read("wait=5, wait=50", "wait=500") == (False, 5)
    assert read("wait=soon, wait=50") == (False, None)


@pytest.mark.parametrize(
    "malformed",
    ["wait", "wait=", "wait=-1", "wait=1.5", "wait=10s", "wait=٣", "wait=1 2"],
)
def test_a_wait_that_is_no_number_of_seconds_is_ignored(malformed: str) -> None:
    assert read(f"{malformed}, respond-async") == (True, None)


@pytest.mark.parametrize("digits", ["0" * 30 + "5", "9999999999", "9" * 900])
def test_a_wait_may_have_any_number_of_digits(digits: str) -> None:
    assert read(f"wait={digits}") == (False, min(int(digits), MAX_WAIT_S))


@pytest.mark.parametrize(
    "other",
    ['foo="a, wait=9"', r'foo="\", wait=9"', "=wait=9", "wait=9=9", "(wait=9)", "; wait=9", ",,"],
)
def test_an_unknown_or_malformed_preference_is_ignored(other: str) -> None:
    assert read(f"{other}, respond-async") == (True, None)


def test_a_preference_without_meaning_for_a_request_is_not_applied() -> None:
    preferences = Preferences.read(["respond-async, wait=3"], ("wait",))
    assert preferences.applied() == "wait=3"


def test_a_wait_is_cut_to_the_longest_one_and_applied_as_such() -> None:
    assert Preferences(wait_s=100).within(2.5).applied() == "wait=3"
    assert Preferences(wait_s=2).within(2.5).applied() == "wait=2"
    assert Preferences(respond_async=True).within(2.5).applied() == "respond-async"


def test_a_header_that_is_too_long_is_ignored() -> None:
    hostile = '"\\' * 1_000_000
    assert read(hostile, "respond-async") == (True, None)


@given(st.text(alphabet=st.sampled_from(list(' \t,;="\\waitrespond-async109\n')) | st.characters()))
def test_no_header_is_refused(header: str) -> None:
    Preferences.read([header])


@given(st.booleans(), st.none() | st.integers(0, 10**9 - 1))
def test_applied_preferences_are_rendered_as_they_are_read(
    respond_async: bool, wait_s: int | None
) -> None:
    preferences = Preferences(respond_async, wait_s)
    assert Preferences.read([preferences.applied()]) == preferences
