"""The targets of the benchmarks, and whether a run has reached them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.benchmarks.base import PINNED, SHORT_DIGITS
from tests.benchmarks.contenders import BASE, CONSTANT, OURS, TITLES
from tests.benchmarks.figures import Figure
from tests.benchmarks.parts.memory import FEW, MANY, series
from tests.benchmarks.report.record import Record

QUORUM: Final = OURS["quorum"]
CLASSIC: Final = OURS["classic"]
BUSY: Final = 32
"""Callers at once, where throughput is compared."""


@dataclass(frozen=True)
class Target:
    """A figure and its bound, which it may not be below, or not above; None: it is only shown."""

    text: str
    bound: float | None
    measure: Callable[[Record], Figure | None]
    is_least: bool = True
    unit: str = ""

    @property
    def bound_text(self) -> str:
        """The bound in words."""
        if self.bound is None:
            return "none"
        return f"{'at least' if self.is_least else 'at most'} {self.bound:,g} {self.unit}".strip()

    def verdict(self, figure: Figure) -> str:
        """Return whether the median keeps the bound; empty if there is none."""
        if self.bound is None:
            return ""
        is_kept = figure.median >= self.bound if self.is_least else figure.median <= self.bound
        return "reached" if is_kept else "**not reached**"


@dataclass(frozen=True)
class Measure:
    """A measure in words, and its part, case and name in the record."""

    text: str
    part: str
    case: object
    name: str


SYNC: Final = Measure("sync at 32 connections, {lane} lane", "sync", BUSY, "per_s")
P99: Final = Measure("p99 at 32 connections, {lane} lane", "sync", BUSY, "p99_ms")
P50_OF_ONE: Final = Measure("p50 of one client, {lane} lane", "sync", 1, "p50_ms")
GATEWAY_CPU: Final = Measure("gateway CPU for a sync request", "sync", BUSY, "cpu_gateway_us")
PREDICTOR_CPU: Final = Measure("predictor CPU for a sync request", "sync", BUSY, "cpu_predictor_us")
LARGE: Final = Measure("900,000 bytes at 8 connections, {lane} lane", "payload", 900_000, "per_s")
ACCEPTED: Final = Measure("async accepted/s", "async", "accept", "per_s")
FETCHED: Final = Measure("GET of a finished result", "async", "fetch", "per_s")
FOLLOWED: Final = Measure(
    "gateway CPU for a followed reply at 2,000/s", "followed", 2_000, "cpu_gateway_us"
)

RATIOS: Final[tuple[tuple[Measure, str, str, float | None], ...]] = (
    (SYNC, QUORUM, "jsonrpc", 2.4),
    (SYNC, CLASSIC, "jsonrpc", 2.8),
    (SYNC, QUORUM, "litserve", 1.8),
    (SYNC, QUORUM, "faststream", 4.5),
    (SYNC, QUORUM, "celery", 5.5),
    (SYNC, QUORUM, "nameko", 4.0),
    (SYNC, QUORUM, "bentoml", 4.5),
    (SYNC, QUORUM, "mosec", None),
    (SYNC, QUORUM, BASE, None),
    (P99, QUORUM, BASE, 1.0),
    (GATEWAY_CPU, QUORUM, CONSTANT, 0.9),
    (GATEWAY_CPU, QUORUM, BASE, None),
    (PREDICTOR_CPU, QUORUM, BASE, 0.5),
    (P50_OF_ONE, QUORUM, "jsonrpc", 1.3),
    (P50_OF_ONE, CLASSIC, "jsonrpc", 1.0),
    (P50_OF_ONE, QUORUM, "mosec", None),
    (ACCEPTED, QUORUM, BASE, 1.4),
    (ACCEPTED, QUORUM, "celery", 2.2),
    (FETCHED, QUORUM, CONSTANT, 1.8),
    (FOLLOWED, QUORUM, BASE, 0.5),
    (LARGE, QUORUM, "litserve", 0.9),
    (LARGE, QUORUM, "mosec", None),
)
"""Our measure ÷ that of another contender, and the bound of the ratio."""


def targets(record: Record) -> Iterator[Target]:
    """Yield all targets, for the earlier version that was measured."""
    for measure, ours, other, bound in RATIOS:
        yield _ratio(record, measure, ours, other, bound)
    yield Target("replay", 40_000, _replay, unit="messages/s")
    yield _memory("offsets", "memory for each result known by its offset only", 48)
    yield _memory("memory", "memory for each finished result of 100 bytes", 320)
    yield from (_round_trip(lane) for lane in OURS)


def _ratio(record: Record, measure: Measure, ours: str, other: str, bound: float | None) -> Target:
    """Return a target. Its bound is for the pinned version, if that is what ours is divided by."""
    base = record.base(measure.part)
    lane = "classic" if ours == CLASSIC else "quorum"
    return Target(
        f"{measure.text} ÷ {TITLES[other]}".format(lane=lane, base=base),
        bound if other != BASE or base == PINNED[:SHORT_DIGITS] else None,
        lambda record: record.ratio(measure.part, measure.case, measure.name, ours, other),
        is_least=measure.name == "per_s",
    )


def _replay(record: Record) -> Figure | None:
    return record.figure("memory", series("memory"), FEW, "per_s")


def memory_for_each(record: Record, kept_in: str) -> Figure | None:
    """Return the bytes that each result adds to a gateway, from none to many."""
    none = record.figure("memory", series(kept_in), 0, "rss_bytes")
    many = record.figure("memory", series(kept_in), MANY, "rss_bytes")
    if none is None or many is None:
        return None
    return Figure.of([(many.median - none.median) / MANY])


def _memory(kept_in: str, text: str, bound: float) -> Target:
    return Target(
        text, bound, lambda record: memory_for_each(record, kept_in), is_least=False, unit="bytes"
    )


def _round_trip(lane: str) -> Target:
    return Target(
        f"AMQP round trip of our client and predictor ÷ the bare aiormq pair, {lane} queue",
        0.8,
        lambda record: record.ratio("amqp", BUSY, "per_s", f"ours-{lane}", f"bare-{lane}"),
    )
