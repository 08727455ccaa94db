"""The targets of the benchmarks, and whether a run has reached them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.benchmarks.contenders import CONSTANT, OURS, TITLES
from tests.benchmarks.figures import Figure
from tests.benchmarks.parts.memory import FEW, MANY, series
from tests.benchmarks.report.record import Record

QUORUM: Final = OURS["quorum"]
CLASSIC: Final = OURS["classic"]
BUSY: Final = 32
"""Callers at once, where throughput is compared."""


@dataclass(frozen=True)
class Target:
    """A figure and its bound, which it may not be below, or not above."""

    text: str
    bound: float
    measure: Callable[[Record], Figure | None]
    is_least: bool = True
    unit: str = ""

    def is_reached(self, figure: Figure) -> bool:
        """Return whether the median keeps the bound."""
        if self.is_least:
            return figure.median >= self.bound
        return figure.median <= self.bound


def _throughput(above: str, below: str, bound: float) -> Target:
    lane = "classic lane" if above == CLASSIC else "quorum lane"
    return Target(
        f"sync at {BUSY} connections, {lane} ÷ {TITLES[below]}",
        bound,
        lambda record: record.ratio("sync", BUSY, "per_s", above, below),
    )


def _latency(above: str, bound: float) -> Target:
    lane = "classic lane" if above == CLASSIC else "quorum lane"
    return Target(
        f"p50 of one client, {lane} ÷ {TITLES['jsonrpc']}",
        bound,
        lambda record: record.ratio("sync", 1, "p50_ms", above, "jsonrpc"),
        is_least=False,
    )


def _round_trip(lane: str) -> Target:
    return Target(
        f"AMQP round trip of our client and predictor ÷ the bare aiormq pair, {lane} queue",
        0.8,
        lambda record: record.ratio("amqp", BUSY, "per_s", f"ours-{lane}", f"bare-{lane}"),
    )


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


TARGETS: Final = (
    _throughput(CLASSIC, "jsonrpc", 1.4),
    _throughput(QUORUM, "jsonrpc", 1.25),
    _throughput(QUORUM, "faststream", 2.2),
    _throughput(QUORUM, "celery", 2.2),
    _throughput(QUORUM, "nameko", 2.2),
    _throughput(QUORUM, "litserve", 1.0),
    _throughput(QUORUM, "bentoml", 2.0),
    _latency(CLASSIC, 0.8),
    _latency(QUORUM, 1.15),
    Target(
        "gateway CPU for a sync request ÷ the constant route's",
        2.0,
        lambda record: record.ratio("sync", BUSY, "cpu_gateway_us", QUORUM, CONSTANT),
        is_least=False,
    ),
    Target(
        "async accepted/s ÷ Celery's `delay` behind FastAPI",
        1.5,
        lambda record: record.ratio("async", "accept", "per_s", QUORUM, "celery"),
    ),
    Target(
        "GET of a finished result ÷ the constant route",
        0.85,
        lambda record: record.ratio("async", "fetch", "per_s", QUORUM, CONSTANT),
    ),
    Target(
        "replay",
        10_000,
        lambda record: record.figure("memory", series("memory"), FEW, "per_s"),
        unit="messages/s",
    ),
    _memory("memory", "memory for each finished result of 100 bytes", 500),
    _memory("offsets", "memory for each result known by its offset only", 200),
    *(_round_trip(lane) for lane in ("quorum", "classic")),
)
