"""Metrics: numbers that the parts of a service keep, and the collectors that export them."""

import asyncio
import platform
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from common.telemetry.standard_streams import dropped_lines


@dataclass(frozen=True)
class ObservableMetric:
    """A number that some part keeps anyway, or one for each value of ``label``."""

    name: str
    meaning: str
    read: Callable[[], float | Mapping[str, float]]
    label: str = ""


class ObservableMetrics(Collector):
    """Gauges and counters that are read when Prometheus scrapes, and cost nothing before."""

    def __init__(self, gauges: list[ObservableMetric], counters: list[ObservableMetric]) -> None:
        self._gauges = gauges
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """Read each number once."""
        kinds = ((GaugeMetricFamily, self._gauges), (CounterMetricFamily, self._counters))
        for family, observables in kinds:
            for observable in observables:
                labels = [observable.label] if observable.label else []
                metric = family(observable.name, observable.meaning, labels=labels)
                value = observable.read()
                by_label = value if isinstance(value, Mapping) else {"": value}
                for label, number in by_label.items():
                    metric.add_metric([label] if labels else [], number)
                yield metric


SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600)
"""Upper bounds of buckets for durations, from a fast model to the longest call."""

COUNTS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
"""Upper bounds of buckets for the size of a batch."""


class Distribution:
    """Counts of observed numbers in the buckets between ``bounds``.

    All from one thread, and so without the locks of ``prometheus_client.Histogram``.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, number: float) -> None:
        """Count ``number`` in its bucket."""
        self._counts[bisect_left(self._bounds, number)] += 1
        self._sum += number

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        """Add the counts so far to a metric, under ``labels``."""
        total, buckets = 0, []
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            buckets.append((str(float(bound)) if bound != float("inf") else "+Inf", float(total)))
        family.add_metric(labels, buckets, self._sum)


class Distributions(Collector):
    """A histogram, with a ``Distribution`` for each value of ``label``."""

    def __init__(self, name: str, meaning: str, label: str, bounds: Sequence[float]) -> None:
        self._name, self._meaning, self._label = name, meaning, label
        self._bounds = bounds
        self._by_label: dict[str, Distribution] = {}

    def of(self, label: str) -> Distribution:
        """Return the distribution of one value of the label."""
        known = self._by_label.get(label)
        if known is None:
            known = self._by_label[label] = Distribution(self._bounds)
        return known

    def collect(self) -> Iterator[Metric]:
        """Yield the histogram as it is now."""
        family = HistogramMetricFamily(self._name, self._meaning, labels=[self._label])
        for label, distribution in self._by_label.items():
            distribution.add_to(family, [label])
        yield family


class _BuildInfo(Collector):
    def collect(self) -> Iterator[Metric]:
        try:
            ours = version("predictmq")
        except PackageNotFoundError:  # not installed: run from a source tree
            ours = "unknown"
        family = GaugeMetricFamily(
            "predictmq_build_info", "Always 1: what runs here.", labels=["version", "python"]
        )
        family.add_metric([ours, platform.python_version()], 1)
        yield family


class ObservedConnection(Protocol):
    """A connection to the broker, as metrics know it."""

    reconnects: int
    unreadable: int

    @property
    def is_up(self) -> bool: ...
    @property
    def is_blocked(self) -> bool: ...


def connection_metrics(connections: Mapping[str, ObservedConnection]) -> ObservableMetrics:
    """Return the metrics of connections to the broker, by their names."""

    def of_each(read: Callable[[ObservedConnection], float]) -> Callable[[], Mapping[str, float]]:
        return lambda: {name: read(connection) for name, connection in connections.items()}

    up = ObservableMetric(
        "predictmq_broker_connected",
        "1 while the connection is set up.",
        of_each(lambda connection: connection.is_up),
        label="connection",
    )
    blocked = ObservableMetric(
        "predictmq_broker_blocked",
        "1 while the broker takes no messages: a memory or disk alarm.",
        of_each(lambda connection: connection.is_blocked),
        label="connection",
    )
    reconnects = ObservableMetric(
        "predictmq_broker_reconnects",
        "Broker connections lost.",
        of_each(lambda connection: connection.reconnects),
        label="connection",
    )
    unreadable = ObservableMetric(
        "predictmq_unreadable_messages",
        "Deliveries that were no readable messages.",
        of_each(lambda connection: connection.unreadable),
        label="connection",
    )
    return ObservableMetrics([up, blocked], [reconnects, unreadable])


_TASKS: Final = ObservableMetric(
    "predictmq_tasks", "Asyncio tasks that have not ended.", lambda: len(asyncio.all_tasks())
)

_DROPPED_LINES: Final = ObservableMetric(
    "predictmq_log_lines_dropped", "Lines of output that could not be written.", dropped_lines
)


def process_registry(*collectors: Collector) -> CollectorRegistry:
    """Return a registry of ``collectors`` and of the metrics that every process has."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    registry.register(ObservableMetrics([_TASKS], [_DROPPED_LINES]))
    registry.register(_BuildInfo())
    ProcessCollector(registry=registry)  # memory, CPU and descriptors
    return registry
