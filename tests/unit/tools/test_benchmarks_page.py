"""The output of the benchmarks: the record, the table of targets, the page, the picture."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.benchmarks.base import PINNED
from tests.benchmarks.figures import Figure
from tests.benchmarks.report.page import BEGIN, END, numbers, replace_numbers
from tests.benchmarks.report.plot import bars
from tests.benchmarks.report.record import Record
from tests.benchmarks.report.tables import followed_table, shown, target_table
from tests.benchmarks.sample import Section


@pytest.fixture
def record() -> Record:
    """Two rounds of sync calls, of ours, of an earlier version and of two peers."""
    section = Section(rounds=2, seconds=1, base=PINNED)
    for ours, theirs in ((250.0, 100.0), (520.0, 200.0)):
        section.add("ours-quorum", 32, {"per_s": ours, "cpu_predictor_us": 40.0, "p99_ms": 9.0})
        section.add("base", 32, {"per_s": theirs, "cpu_predictor_us": 100.0, "p99_ms": 10.0})
        section.add("jsonrpc", 32, {"per_s": theirs})
        section.add("mosec", 32, {"per_s": 10 * theirs})
    section.missing["nameko"] = "it ended"
    return Record({"cores": "2"}, {"sync": section})


def test_a_record_is_read_as_it_was_written(record: Record, tmp_path: Path) -> None:
    record.write(tmp_path / "record.json")
    assert Record.read(tmp_path / "record.json") == record
    assert Record.read(tmp_path / "none.json") == Record()


def row(record: Record, start: str) -> str:
    """Return the row of the table of targets that starts so."""
    [found] = [row for row in target_table(record).splitlines() if row.startswith(f"| {start}")]
    return found


def test_a_target_is_judged_by_the_median_of_paired_ratios(record: Record) -> None:
    assert row(record, "sync at 32 connections, quorum lane ÷ Quart + `JsonRPC`").endswith(
        "| at least 2.4 | 2.55 (2.5…2.6) | reached |"
    )


def test_a_cost_has_an_upper_bound(record: Record) -> None:
    assert row(record, "predictor CPU for a sync request ÷ PredictMQ at 9af3d88").endswith(
        "| at most 0.5 | 0.4 | reached |"
    )


def test_a_ratio_without_a_bound_is_shown_and_not_judged(record: Record) -> None:
    assert row(record, "sync at 32 connections, quorum lane ÷ mosec").endswith(
        "| none | 0.255 (0.25…0.26) |  |"
    )


def test_another_earlier_version_than_the_pinned_one_has_no_bounds(record: Record) -> None:
    record.sections["sync"].base = "0123456789" * 4
    assert row(record, "p99 at 32 connections, quorum lane ÷ PredictMQ at 0123456").endswith(
        "| none | 0.9 |  |"
    )


def test_a_target_that_was_not_measured_is_not_judged(record: Record) -> None:
    replay = row(record, "replay")
    assert replay == "| replay | at least 40,000 messages/s | - | - |"


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


def test_a_rate_of_followed_replies_that_was_not_held_is_shown() -> None:
    section = Section(rounds=1, seconds=1, base=PINNED)
    section.add("ours-quorum", 500, {"per_s": 499.0, "cpu_gateway_us": 60.0})
    section.add("ours-quorum", 2_000, {"per_s": 1_500.0, "cpu_gateway_us": 50.0})
    *_, ours = followed_table(Record(sections={"followed": section})).splitlines()
    assert ours == "| PredictMQ, quorum lane | 60 | 50, **only 1,500/s** | - |"


def test_the_page_names_the_earlier_version(record: Record) -> None:
    page = numbers(record, Path("plot.svg"))
    assert f"- PredictMQ at 9af3d88: commit {PINNED}." in page
    assert "\n| PredictMQ at 9af3d88 | " in page


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
