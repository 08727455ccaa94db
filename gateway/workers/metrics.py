"""The metrics of all workers at each of them, exchanged over Unix sockets."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.workers.worker import Worker

ANSWER_TIMEOUT_S: Final = 1.0
"""The time in which a worker has to send its metrics."""

_HELP: Final = b"# HELP "
"""The beginning of a metric in the text format of Prometheus."""


class LabelledMetrics(Collector):
    """The metrics of ``registry``, with the label ``worker``."""

    def __init__(self, registry: CollectorRegistry, number: int) -> None:
        self._registry = registry
        self._label = {"worker": str(number)}

    def collect(self) -> Iterator[Metric]:
        """Read each metric once."""
        for metric in self._registry.collect():
            labelled = Metric(metric.name, metric.documentation, metric.type)
            labelled.samples = [
                sample._replace(labels=self._label | sample.labels) for sample in metric.samples
            ]
            yield labelled


def merge(expositions: Iterable[bytes]) -> bytes:
    """Merge metrics in the text format: all samples of one metric have to be together.

    The first description of a metric counts.
    """
    heads: dict[bytes, bytes] = {}
    samples: dict[bytes, list[bytes]] = {}
    for exposition in expositions:
        for metric in (b"\n" + exposition).split(b"\n" + _HELP)[1:]:
            help_line, type_line, *lines = metric.strip(b"\n").split(b"\n")
            name = help_line.partition(b" ")[0]
            heads.setdefault(name, _HELP + help_line + b"\n" + type_line)
            samples.setdefault(name, []).extend(lines)
    return b"".join(
        b"\n".join((head, *samples[name])) + b"\n" for name, head in sorted(heads.items())
    )


class WorkerMetrics:
    """The metrics of one worker in ``registry``, and those of the others."""

    def __init__(self, worker: Worker, registry: CollectorRegistry) -> None:
        self._worker = worker
        self._own = CollectorRegistry()
        self._own.register(LabelledMetrics(registry, worker.number))

    async def run(self) -> None:
        """Send the metrics of this worker to the others that ask, until cancelled."""

        async def send(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):  # it has waited for too long
                writer.write(generate_latest(self._own))
                await writer.drain()
            writer.close()

        server = await asyncio.start_unix_server(send, self._path(self._worker.number))
        async with server:
            await server.serve_forever()

    async def exposition(self) -> bytes:
        """Return the metrics of all workers that send theirs in time, in the text format."""
        own = self._worker.number
        others = [number for number in range(1, self._worker.count + 1) if number != own]
        received = dict(zip(others, await asyncio.gather(*map(self._receive, others)), strict=True))
        received[own] = generate_latest(self._own)
        up = CollectorRegistry()
        up.register(_Up({number: text is not None for number, text in sorted(received.items())}))
        known = [text for _, text in sorted(received.items()) if text is not None]
        return merge([*known, generate_latest(up)])

    async def _receive(self, number: int) -> bytes | None:
        """Return the metrics of another worker; None if it does not send them in time."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                reader, writer = await asyncio.open_unix_connection(self._path(number))
                try:
                    return await reader.read() or None
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return None

    def _path(self, number: int) -> Path:
        return self._worker.directory / f"{number}.metrics"


class _Up(Collector):
    def __init__(self, up: dict[int, bool]) -> None:
        self._up = up

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "predictmq_worker_up",
            "1 for a worker whose metrics are here: it answered in time.",
            labels=["worker"],
        )
        for number, is_up in self._up.items():
            family.add_metric([str(number)], is_up)
        yield family
