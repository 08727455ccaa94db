"""Logs, metrics, and the trace context that travels with a request."""

import asyncio
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from common.correlation import known_correlation_id

_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)


def configure_logs(service: str) -> None:
    """Log to standard error: JSON lines, or readable ones in a terminal.

    Each line carries ``service``, whichever thread writes it, and ``correlation_id``, if a call is
    under way that has one. What libraries log takes the same way.
    """

    def name_service(
        _: object, __: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["service"] = service
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        name_service,
        _name_call,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    terminal = sys.stderr.isatty()
    ending: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for told_by_us in ("aiormq.connection", "aio_pika"):  # in one sentence, by common/amqp.py
        logging.getLogger(told_by_us).setLevel(logging.CRITICAL)


def _name_call(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    known = known_correlation_id()
    if known:
        event.setdefault("correlation_id", known)
    return event


def valid_traceparent(header: str | None) -> str | None:
    """``header`` if it is a W3C Trace Context ``traceparent``, else None (the spec: ignore it)."""
    return header if header and _TRACEPARENT.fullmatch(header) else None


@dataclass(frozen=True)
class Reading:
    """A number that some part keeps anyway; or several of them, by the values of ``label``."""

    name: str
    meaning: str
    read: Callable[[], float | Mapping[str, float]]
    label: str = ""


class Readings(Collector):
    """Gauges and counters that cost nothing until somebody scrapes."""

    def __init__(self, gauges: list[Reading], counters: list[Reading]) -> None:
        self._gauges = gauges
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """One metric for each reading."""
        kinds = ((GaugeMetricFamily, self._gauges), (CounterMetricFamily, self._counters))
        for family, readings in kinds:
            for reading in readings:
                labels = [reading.label] if reading.label else []
                metric = family(reading.name, reading.meaning, labels=labels)
                value = reading.read()
                by_label = value if isinstance(value, Mapping) else {"": value}
                for label, number in by_label.items():
                    metric.add_metric([label] if labels else [], number)
                yield metric


_TASKS: Final = Reading(
    "predictmq_tasks", "Asyncio tasks that have not ended.", lambda: len(asyncio.all_tasks())
)


def process_registry(readings: Readings) -> CollectorRegistry:
    """A registry of ``readings`` and of what every process has: tasks, memory, descriptors."""
    registry = CollectorRegistry()
    registry.register(readings)
    registry.register(Readings([_TASKS], []))
    ProcessCollector(registry=registry)  # under the names that Prometheus has for them
    return registry
