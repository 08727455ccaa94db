"""The shares of owners: no one can take everything while others ask."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Unavailable
from gateway.predictions.admission import ALPHA, Admission, Budget

LIMIT: Final = 100
OWNERS: Final = ("alice", "bob", "carol")
USED_UP: Final = "All is used up"
ACTS: Final = st.lists(
    st.tuples(st.sampled_from(OWNERS), st.integers(1, 40), st.booleans()), max_size=40
)


def filled(budget: Budget, owner: str) -> int:
    """Take by ones all that ``owner`` can have; returns how much that is."""
    for taken in range(LIMIT + 1):
        try:
            budget.take(owner, 1)
        except Unavailable:
            return taken
    raise AssertionError("The budget has no limit.")


@given(ACTS)
def test_an_owner_may_use_four_times_what_is_free_and_anything_at_first(
    acts: list[tuple[str, int, bool]],
) -> None:
    budget, held = Budget(LIMIT, USED_UP, OWNERS), list[tuple[str, int]]()
    for owner, amount, gives_back in acts:
        if gives_back and held:
            budget.give_back(*held.pop())
        used = sum(amount for each, amount in held if each == owner)
        free = LIMIT - sum(amount for _, amount in held) - amount
        fits = free >= 0 and (not used or used + amount <= ALPHA * free)
        try:
            budget.take(owner, amount)
        except Unavailable:
            assert not fits
        else:
            assert fits
            held.append((owner, amount))
        assert budget.used == sum(amount for _, amount in held)


def test_one_owner_alone_may_use_four_fifths_and_leaves_the_rest_to_others() -> None:
    budget = Budget(LIMIT, USED_UP, OWNERS)
    assert filled(budget, "alice") == 80
    assert filled(budget, "bob") == 16
    assert filled(budget, "carol") == 3


def test_owners_who_all_ask_have_equal_shares_once_calls_end() -> None:
    budget, used = Budget(LIMIT, USED_UP, ("alice", "bob")), {"alice": 0, "bob": 0}
    used["alice"] = filled(budget, "alice")
    for _ in range(LIMIT):
        budget.give_back("alice", 1)
        used["alice"] -= 1
        for owner in ("bob", "alice"):
            used[owner] += filled(budget, owner)
    assert used["bob"] == pytest.approx(4 / 9 * LIMIT, abs=1)
    assert used["alice"] == pytest.approx(4 / 9 * LIMIT, abs=1)


@pytest.mark.parametrize("owners", [(), ("alice",)])
def test_a_gateway_with_one_owner_or_none_has_no_shares(owners: tuple[str, ...]) -> None:
    budget = Budget(LIMIT, USED_UP, owners)
    assert filled(budget, "alice") == LIMIT
    with pytest.raises(Unavailable, match="All is used up; try again later"):
        budget.take("alice", 1)


def test_the_refusal_of_a_share_names_what_is_used_up_and_by_whom() -> None:
    budget = Budget(LIMIT, USED_UP, OWNERS)
    filled(budget, "alice")
    with pytest.raises(Unavailable, match="All is used up with this API key; try again later"):
        budget.take("alice", 1)


def test_the_first_call_of_an_owner_is_refused_by_no_share_whatever_its_parts() -> None:
    admission = Admission(3, LIMIT, OWNERS)
    with admission.admit("alice", LIMIT) as first:
        for _ in range(LIMIT):
            first.charge(1)
        first.begin()
        with pytest.raises(Unavailable, match="under way; try"):
            admission.admit("bob", 1)


def test_the_second_call_of_an_owner_is_held_to_its_share_of_bytes_and_of_calls() -> None:
    admission = Admission(2, LIMIT, OWNERS)
    with admission.admit("alice", 60) as first, admission.admit("alice", 20) as second:
        first.charge(60)
        second.charge(20)
        with pytest.raises(Unavailable, match="bytes of bodies are under way with this API key"):
            second.charge(1)
        first.begin()
        with pytest.raises(Unavailable, match="predictions are under way with this API key"):
            second.begin()
        with admission.admit("bob", 10) as other:
            other.charge(10)
            other.begin()
