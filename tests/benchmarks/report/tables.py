"""The measurements as tables in Markdown."""

from collections.abc import Iterable, Sequence
from typing import Final

from tests.benchmarks.contenders import OURS
from tests.benchmarks.figures import Figure
from tests.benchmarks.parts.followed import HELD, RATES
from tests.benchmarks.parts.memory import BUDGET_BYTES, FEW, MANY, series
from tests.benchmarks.report.record import Record
from tests.benchmarks.report.targets import memory_for_each, targets

NOT_MEASURED: Final = "-"
ROLES: Final = ("gateway", "predictor", "server", "redis", "broker")
KEPT: Final = {"memory": "in memory", "offsets": "as offsets only"}


def shown(figure: Figure | None, digits: int = 3) -> str:
    """Return a median with the lowest and the highest round."""
    if figure is None:
        return NOT_MEASURED
    middle, low, high = (_number(each, digits) for each in (figure.median, figure.low, figure.high))
    return middle if low == high else f"{middle} ({low}…{high})"


def _number(value: float, digits: int) -> str:
    """Return ``digits`` significant digits, and all digits before the point."""
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose others are numbers."""
    ruled = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ruled, *rows))


def target_table(record: Record) -> str:
    """Return the table of targets, each reached or missed, and of ratios without a bound."""
    rows = []
    for target in targets(record):
        figure = target.measure(record)
        verdict = target.verdict(figure) if figure else NOT_MEASURED
        rows.append((target.text, target.bound_text, shown(figure), verdict))
    return table(("measure", "bound", "measured", ""), rows)


def sync_table(record: Record, connections: str) -> str:
    """Return throughput and latency for one number of callers, and our ratio to each other."""
    rows = []
    for name, title in record.titles("sync").items():
        figures = [
            record.figure("sync", name, connections, measure)
            for measure in ("per_s", "p50_ms", "p99_ms", "failed")
        ]
        ratio = record.ratio("sync", connections, "per_s", OURS["quorum"], name)
        rows.append((title, *map(shown, figures), shown(ratio)))
    return table(("", "requests/s", "p50, ms", "p99, ms", "failed", "quorum lane ÷ this"), rows)


def cpu_table(record: Record, part: str, case: str) -> str:
    """Return the microseconds of processor time of each role for each request."""
    rows = []
    for name, title in record.titles(part).items():
        figures = [record.figure(part, name, case, f"cpu_{role}_us") for role in ROLES]
        rows.append((title, *map(shown, figures)))
    return table(("", *ROLES), rows)


def busy_table(record: Record, connections: str) -> str:
    """Return the share of one core that each role kept busy: a role near 1 is the bottleneck."""
    rows = []
    for name, title in record.titles("sync").items():
        rate = record.figure("sync", name, connections, "per_s")
        used = [record.figure("sync", name, connections, f"cpu_{role}_us") for role in ROLES]
        cores = [
            f"{each.median * rate.median / 1e6:.2f}" if each and rate else NOT_MEASURED
            for each in used
        ]
        rows.append((title, *cores))
    return table(("", *ROLES), rows)


def amqp_table(record: Record) -> str:
    """Return the table of round trips without HTTP."""
    rows = []
    for lane in OURS:
        for in_flight in (1, 32):
            pair = [
                record.figure("amqp", f"{who}-{lane}", in_flight, measure)
                for who in ("ours", "bare")
                for measure in ("per_s", "p50_ms", "cpu_client_us", "cpu_predictor_us")
            ]
            names = (f"ours-{lane}", f"bare-{lane}")
            ratio = record.ratio("amqp", in_flight, "per_s", *names)
            ours, bare = map(shown, pair[:4]), map(shown, pair[4:])
            rows.append((f"ours, {lane}, {in_flight} in flight", *ours, shown(ratio)))
            rows.append((f"bare aiormq, {lane}, {in_flight} in flight", *bare, ""))
    return table(("", "calls/s", "p50, ms", "client, µs", "predictor, µs", "ours ÷ bare"), rows)


def async_table(record: Record) -> str:
    """Return the table of async predictions."""
    columns = (("accept", "per_s"), ("finish", "p50_ms"), ("finish", "p99_ms"), ("fetch", "per_s"))
    rows = [
        (title, *(shown(record.figure("async", name, *column)) for column in columns))
        for name, title in record.titles("async").items()
    ]
    head = ("", "accepted/s", "accept to result, p50 ms", "p99 ms", "GET of a result/s")
    return table(head, rows)


def followed_table(record: Record) -> str:
    """Return the table of the processor time for each followed reply, by rate."""
    rows = []
    for name, title in record.titles("followed").items():
        rows.append((title, *(_followed(record, name, per_s) for per_s in RATES)))
    return table(("", *(f"{per_s:,} replies/s" for per_s in RATES)), rows)


def _followed(record: Record, name: str, per_s: int) -> str:
    """Return the microseconds for each reply, and the rate where it was not held."""
    cost = shown(record.figure("followed", name, per_s, "cpu_gateway_us"))
    rate = record.figure("followed", name, per_s, "per_s")
    is_held = rate is None or rate.low >= HELD * per_s
    return cost if is_held or rate is None else f"{cost}, **only {shown(rate)}/s**"


def memory_table(record: Record) -> str:
    """Return the table of the memory for results and of the speed of replays."""
    rows = []
    for kept_in in BUDGET_BYTES:
        name = series(kept_in)
        sizes = [record.figure("memory", name, count, "rss_bytes") for count in (0, FEW, MANY)]
        megabytes = [f"{each.median / 1e6:,.0f}" if each else NOT_MEASURED for each in sizes]
        rates = [record.figure("memory", name, count, "per_s") for count in (FEW, MANY)]
        each = shown(memory_for_each(record, kept_in))
        rows.append((KEPT[kept_in], *megabytes, each, *map(shown, rates)))
    sizes_head = ("RSS with none, MB", f"{FEW:,}", f"{MANY:,}", "bytes for each")
    return table(("", *sizes_head, f"replay/s, {FEW:,}", f"{MANY:,}"), rows)


def case_table(record: Record, part: str, measure: str, heads: Sequence[str]) -> str:
    """Return one measure of every contender over the cases of a part."""
    section = record.sections.get(part)
    cases = section.cases() if section else []
    rows = [
        (title, *(shown(record.figure(part, name, case, measure)) for case in cases))
        for name, title in record.titles(part).items()
    ]
    return table(("", *heads), rows)
