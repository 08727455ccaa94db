"""The tree of errors: each has one code, and each code one status."""

import pytest

from common.errors import BY_CODE, PredictionError, Unavailable
from gateway.web.errors import STATUS
from tests.unit.docs.error_table import promised_errors


def tree(root: type[PredictionError]) -> set[type[PredictionError]]:
    """Return every error below ``root``, apart from those of tests."""
    ours = {error for error in root.__subclasses__() if error.__module__ == "common.errors"}
    return ours.union(*(tree(error) for error in ours))


def test_the_tree_has_the_documented_codes_blames_and_statuses() -> None:
    found = {(error.code, error.blame, STATUS[error.code]) for error in tree(PredictionError)}
    assert found == set(promised_errors())


def test_there_is_no_status_for_a_code_that_does_not_exist() -> None:
    assert set(STATUS) == {error.code for error in tree(PredictionError)}


def test_only_unavailable_has_several_classes_under_one_code() -> None:
    own = [error for error in tree(PredictionError) if "code" in vars(error)]
    assert len({error.code for error in own}) == len(own)
    assert tree(PredictionError) - set(own) == tree(Unavailable)


def test_an_error_of_a_reply_is_found_by_its_code() -> None:
    assert all(error.code == code for code, error in BY_CODE.items())
    # Errors that gateways themselves raise are never in a reply.
    never = {"malformed_header", "unauthorized", "rate_limited", "already_final", "cancelled"}
    never |= {"idempotency_conflict", "unknown_prediction", "internal_error"}
    assert set(STATUS) - set(BY_CODE) == never


@pytest.mark.parametrize("error", BY_CODE.values(), ids=BY_CODE)
def test_the_text_of_an_error_is_its_sentence(error: type[PredictionError]) -> None:
    assert str(error("It rains.")) == error("It rains.").sentence == "It rains."
