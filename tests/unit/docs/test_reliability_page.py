"""docs/reliability.md compared with the tests that it names."""

import re

import pytest

from tests.support.harness.services import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text()
NAMED = sorted(set(re.findall(r"`(test_\w+\.py)(?:::(test_\w+))?`", PAGE)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_test_that_the_page_names_exists(file: str, test: str) -> None:
    texts = [path.read_text() for path in (ROOT / "tests").glob(f"**/{file}")]
    assert texts
    assert any(f"def {test}(" in text for text in texts) or not test


@pytest.mark.parametrize("number", range(1, 11))
def test_the_page_names_a_test_for_each_promise(number: int) -> None:
    assert re.search(rf"^\| P{number} \| .* \| `test_", PAGE, re.MULTILINE)
