"""docs/decisions/: each record has its parts, its date and its line in the index."""

import re
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from tests.unit.docs.markdown import DOCS, links, tables

INDEX: Final = DOCS / "decisions" / "README.md"
RECORDS: Final = sorted(INDEX.parent.glob("[0-9]*.md"))
PARTS: Final = ("Context", "Decision", "Considered", "Consequences")


def _date(record: Path) -> str:
    match = re.search(r"^(\d{4}-\d{2}-\d{2})\b", record.read_text(), re.MULTILINE)
    assert match
    return match[1]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_has_a_number_a_date_and_the_four_parts(record: Path) -> None:
    text = record.read_text()
    assert text.startswith(f"# {record.name[:4]}. ")
    assert date.fromisoformat(_date(record)).isoformat() == _date(record)
    assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == PARTS


def test_the_records_are_numbered_without_a_gap() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_the_index_has_each_record_with_its_date_in_their_order() -> None:
    (rows,) = tables(INDEX.read_text())
    assert [link for link in links(INDEX) if link[0].isdecimal()] == [
        record.name for record in RECORDS
    ]
    assert [day for *_, day in rows] == [_date(record) for record in RECORDS]
