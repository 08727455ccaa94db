"""The tree of errors: each has one code, and each code one status."""

import pytest

from common.errors import BY_CODE, PredictionError, Unavailable
from gateway.web.errors import STATUS
from tests.unit.docs.error_table import promised_errors


def tree(root: type[PredictionError]) -> set[type[PredictionError]]:
    """Every error below ``root``; those that tests have made are not among them."""
    ours = {error for error in root.__subclasses__() if error.__module__ == "common.errors"}
    return ours.union(*(tree(error) for error in ours))


def test_the_tree_has_the_codes_blames_and_statuses_that_are_promised() -> None:
    found = {(error.code, error.blame, STATUS[error.code]) for error in tree(PredictionError)}
    assert found == set(promised_errors())


def test_there_is_no_status_for_a_code_that_does_not_exist() -> None:
    assert set(STATUS) == {error.code for error in tree(PredictionError)}


def test_only_what_is_unavailable_comes_in_several_kinds_under_one_code() -> None:
    own = [error for error in tree(PredictionError) if "code" in vars(error)]
    assert len({error.code for error in own}) == len(own)
    assert tree(PredictionError) - set(own) == tree(Unavailable)


def test_an_error_that_travels_is_found_again_by_its_code() -> None:
    assert all(error.code == code for code, error in BY_CODE.items())
    # These are said by a gateway, of its own knowledge: they never travel under a code.
    never = {"malformed_header", "unauthorized", "rate_limited", "already_final", "cancelled"}
    never |= {"idempotency_conflict", "unknown_prediction", "internal_error"}
    assert set(STATUS) - set(BY_CODE) == never


@pytest.mark.parametrize("error", BY_CODE.values(), ids=BY_CODE)
def test_an_error_says_its_sentence(error: type[PredictionError]) -> None:
    assert str(error("It rains.")) == error("It rains.").sentence == "It rains."
