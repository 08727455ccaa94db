"""The output of the benchmarks: the record, the table of targets, the page, the picture."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.benchmarks.figures import Figure
from tests.benchmarks.report.page import BEGIN, END, numbers, replace_numbers
from tests.benchmarks.report.plot import bars
from tests.benchmarks.report.record import Record
from tests.benchmarks.report.tables import shown, target_table
from tests.benchmarks.sample import Section


@pytest.fixture
def record() -> Record:
    """Two rounds of sync calls, of ours and of one peer."""
    section = Section(rounds=2, seconds=1)
    for ours, theirs in ((130.0, 100.0), (280.0, 200.0)):
        section.add("ours-quorum", 32, {"per_s": ours})
        section.add("jsonrpc", 32, {"per_s": theirs})
    section.missing["nameko"] = "it ended"
    return Record({"cores": "2"}, {"sync": section})


def test_a_record_is_read_as_it_was_written(record: Record, tmp_path: Path) -> None:
    record.write(tmp_path / "record.json")
    assert Record.read(tmp_path / "record.json") == record
    assert Record.read(tmp_path / "none.json") == Record()


def test_a_target_is_judged_by_the_median_of_paired_ratios(record: Record) -> None:
    rows = target_table(record).splitlines()
    [quorum] = [row for row in rows if "quorum lane ÷ Quart + `JsonRPC`" in row and "32" in row]
    assert quorum.endswith("| at least 1.25 | 1.35 (1.3…1.4) | reached |")


def test_a_target_that_was_not_measured_is_not_judged(record: Record) -> None:
    [replay] = [row for row in target_table(record).splitlines() if row.startswith("| replay")]
    assert replay == "| replay | at least 10,000 messages/s | - | - |"


def test_a_missed_target_is_marked_as_missed(record: Record) -> None:
    for sample in record.sections["sync"].samples["ours-quorum"]["32"]:
        sample["per_s"] = 1.0
    assert "**not reached**" in target_table(record)


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (Figure(1234.5, 1000.0, 2000.4), "1,234 (1,000…2,000)"),
        (Figure(0.81234, 0.81234, 0.81234), "0.812"),
        (None, "-"),
    ],
)
def test_a_figure_is_shown_with_its_spread(figure: Figure | None, text: str) -> None:
    assert shown(figure) == text


def test_the_page_says_what_is_missing_and_that_the_run_was_short(record: Record) -> None:
    page = numbers(record, Path("plot.svg"))
    assert "- sync, nameko: it ended" in page
    assert "A short run" in page


def test_only_the_text_between_the_marks_of_a_page_is_replaced() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replace_numbers(page, "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    with pytest.raises(ValueError, match="no place"):
        replace_numbers("before\nafter\n", "new")


def test_the_picture_has_a_bar_for_each_row() -> None:
    rows = [("ours", Figure(2.0, 1.0, 3.0), True), ("<theirs>", Figure(1.0, 1.0, 1.0), False)]
    picture = ElementTree.fromstring(bars("title", rows))
    bars_and_background = [each for each in picture if each.tag.endswith("rect")]
    assert len(bars_and_background) == len(rows) + 1
