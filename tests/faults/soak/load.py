"""Steady calls to a deployment, and samples of its metrics."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import httpx

from tests.faults.harness.ledger import Answer, Ledger, answers_about
from tests.support.harness.calls import client
from tests.support.harness.metrics import read_metrics
from tests.support.harness.services import Service

CALLERS: Final = 4
"""For each gateway and mode."""

MODEL_S: Final = 0.02
SAMPLE_EVERY_S: Final = 5.0

Sample = tuple[float, dict[str, float]]
"""Seconds since the start, and the metrics of then."""


class Load:
    """Callers that call in sequence, half of them async; and their ledger."""

    def __init__(self, gateways: Sequence[Service], services: Sequence[Service]) -> None:
        self.ledger = Ledger()
        self.answers: dict[str, set[Answer]] = {}
        self.samples: dict[Service, list[Sample]] = {service: [] for service in services}
        self._gateways = gateways
        self._started_s = time.monotonic()
        self._ending = asyncio.Event()

    @property
    def passed_s(self) -> float:
        """The seconds since the start."""
        return time.monotonic() - self._started_s

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Make calls and read metrics while the context lasts; then wait for the last responses."""
        clients = [client(gateway.url) for gateway in self._gateways]
        async with asyncio.TaskGroup() as group:
            for http in clients * CALLERS:
                group.create_task(self._ask(http))
                group.create_task(self._order(http, clients))
            for service in self.samples:
                group.create_task(self._sample(service))
            try:
                yield
            finally:
                self._ending.set()
        for http in clients:
            await http.aclose()

    async def _ask(self, gateway: httpx.AsyncClient) -> None:
        while not self._ending.is_set():
            call = await self.ledger.call(gateway, sleep_s=MODEL_S)
            await self._pause_after(call.status)

    async def _order(
        self, gateway: httpx.AsyncClient, gateways: Sequence[httpx.AsyncClient]
    ) -> None:
        while not self._ending.is_set():
            call = await self.ledger.call(gateway, is_async=True, sleep_s=MODEL_S)
            if call.prediction_id:
                self.answers[call.prediction_id] = await answers_about(gateways, call.prediction_id)
            await self._pause_after(call.status)

    async def _pause_after(self, status: int) -> None:
        """Pause after a refusal, as ``Retry-After`` asks."""
        if status not in (200, 202):
            await asyncio.sleep(1)

    async def _sample(self, service: Service) -> None:
        while not self._ending.is_set():
            with suppress(httpx.TransportError):  # it is away: the next sample tells
                self.samples[service].append(
                    (self.passed_s, await read_metrics(service, SAMPLE_EVERY_S))
                )
            await asyncio.sleep(SAMPLE_EVERY_S)
