"""docs/errors.md compared with the tree of errors: codes, blame and statuses.

That the error tree has the same blames: tests/unit/common/test_errors.py.
"""

from typing import Final

import pytest

from common.errors import Blame
from common.http.llhttp import CODES as REFUSALS
from gateway.web.errors import STATUS, http_code
from tests.unit.docs.error_table import PAGE, promised_errors
from tests.unit.docs.markdown import code, section, tables

(CODES,) = tables(section(PAGE, "Codes"))
(OF_HTTP,) = tables(section(PAGE, "What HTTP itself refuses"))
ERRORS: Final = promised_errors()
PHRASES: Final = {414: "uri_too_long"}
"""The phrases that have changed: Python 3.11 has that of an older RFC."""


def test_the_page_has_every_code_once_and_no_other() -> None:
    assert sorted(name for name, _, _ in ERRORS) == sorted(STATUS)


def test_a_status_on_the_page_is_the_one_that_the_gateway_responds_with() -> None:
    assert {name: status for name, _, status in ERRORS} == STATUS


def test_the_codes_are_in_the_order_of_who_acts_and_what_happened() -> None:
    blames = list(Blame)
    assert [blames.index(blame) for _, blame, _ in ERRORS] == sorted(
        blames.index(blame) for _, blame, _ in ERRORS
    )


@pytest.mark.parametrize("row", [*CODES, *OF_HTTP], ids=lambda row: row[0])
def test_a_row_says_when_the_error_occurs(row: list[str]) -> None:
    assert row[-1]


@pytest.mark.parametrize("row", OF_HTTP, ids=lambda row: row[0])
def test_an_error_of_http_itself_is_named_after_its_status(row: list[str]) -> None:
    name, status, _ = row
    assert PHRASES.get(int(status), http_code(int(status))) == code(name)
    assert code(name) not in STATUS


def test_what_the_http_server_refuses_is_on_the_page() -> None:
    rows = {int(status): code(name) for name, status, _ in OF_HTTP}
    assert REFUSALS.items() <= rows.items()
