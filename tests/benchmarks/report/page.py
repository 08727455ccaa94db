"""The page of docs/ whose numbers this program writes; its text is written by hand."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from tests.benchmarks.base import SHORT_DIGITS
from tests.benchmarks.contenders import BASE, LOGGED, OURS, TITLES
from tests.benchmarks.parts.payload import SIZES_BYTES
from tests.benchmarks.parts.sync import CONNECTIONS
from tests.benchmarks.report import tables
from tests.benchmarks.report.plot import bars
from tests.benchmarks.report.record import Record
from tests.benchmarks.report.targets import BUSY
from tests.benchmarks.rivals import RIVALS

BEGIN: Final = "<!-- numbers: written by `make bench`; what is between these marks is replaced -->"
END: Final = "<!-- end of the numbers -->"
SETTLED_ROUNDS: Final = 5
SETTLED_SECONDS: Final = 3


def replace_numbers(page: str, numbers: str) -> str:
    """Return the page with new numbers between its marks.

    Raises:
        ValueError: it does not have both marks, in their order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no place for the numbers: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{numbers}\n\n{END}{after}"


def numbers(record: Record, plot: Path) -> str:
    """Return all measurements in Markdown."""
    blocks = [
        _circumstances(record),
        "### What has to be reached",
        tables.target_table(record),
        f"![Sync requests/s at {BUSY} connections]({plot.name})",
    ]
    for part, write in BLOCKS.items():
        if part in record.sections:
            blocks += write(record)
    return "\n\n".join([*blocks, *_missing(record)])


def _sync(record: Record) -> Iterable[str]:
    for connections in map(str, CONNECTIONS):
        yield f"### Sync, {connections} at once"
        yield tables.sync_table(record, connections)
    yield f"### Processor time for each sync request, µs, {BUSY} at once"
    yield tables.cpu_table(record, "sync", str(BUSY))
    yield f"### Cores kept busy, {BUSY} at once"
    yield tables.busy_table(record, str(BUSY))


def _amqp(record: Record) -> Iterable[str]:
    yield "### The AMQP round trip without HTTP"
    yield tables.amqp_table(record)


def _async(record: Record) -> Iterable[str]:
    yield "### Async"
    yield tables.async_table(record)


def _followed(record: Record) -> Iterable[str]:
    yield "### A gateway's processor time for each reply that it follows, µs"
    yield tables.followed_table(record)


def _memory(record: Record) -> Iterable[str]:
    yield "### Results in a gateway's memory"
    yield tables.memory_table(record)


def _scaling(record: Record) -> Iterable[str]:
    yield "### Predictions/s of a 20 ms model, by predictors"
    yield tables.case_table(record, "scaling", "per_s", record.sections["scaling"].cases())


def _payload(record: Record) -> Iterable[str]:
    sizes = [f"{size_bytes:,} bytes" for size_bytes in SIZES_BYTES]
    for measure, title in (("per_s", "requests/s"), ("p50_ms", "p50, ms")):
        yield f"### Sync by size of the body, 8 at once, {title}"
        yield tables.case_table(record, "payload", measure, sizes)


BLOCKS: Final[dict[str, Callable[[Record], Iterable[str]]]] = {
    "sync": _sync,
    "amqp": _amqp,
    "async": _async,
    "followed": _followed,
    "scaling": _scaling,
    "payload": _payload,
    "memory": _memory,
}


def throughput_plot(record: Record) -> str:
    """Return the picture of sync throughput."""
    rows = [
        (title.replace("`", ""), figure, name in {*OURS.values(), LOGGED})
        for name, title in record.titles("sync").items()
        if (figure := record.figure("sync", name, BUSY, "per_s"))
    ]
    rows.sort(key=lambda row: -row[1].median)
    return bars(f"Sync requests/s at {BUSY} connections, no-op model", rows)


def _circumstances(record: Record) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in record.machine.items())
    lines = [f"Measured on: {machine}."]
    lines += [f"{rival.title}: {rival.versions}." for rival in RIVALS.values()]
    lines += [
        f"{TITLES[BASE].format(base=commit[:SHORT_DIGITS])}: commit {commit}."
        for commit in dict.fromkeys(section.base for section in record.sections.values())
        if commit
    ]
    lines += [
        f"Part {part}: {section.at} UTC; rounds: {section.rounds}, each load {section.seconds} s."
        for part, section in record.sections.items()
    ]
    if any(
        each.seconds < SETTLED_SECONDS or each.rounds < SETTLED_ROUNDS
        for each in map(record.sections.get, ("sync", "amqp", "async", "followed"))
        if each
    ):
        lines.append("**A short run: its numbers show that it works, and no more.**")
    return "\n".join(f"- {line}" for line in lines)


def _missing(record: Record) -> Iterable[str]:
    missing = {
        f"{part}, {who}": why
        for part, section in record.sections.items()
        for who, why in section.missing.items()
    }
    if missing:
        yield "### What could not be measured"
        yield "\n".join(f"- {what}: {why}" for what, why in missing.items())
