"""The resources that a service holds at a moment: more than before the fault is a leak."""

import asyncio
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Self

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.metrics import read_metrics
from tests.support.harness.services import Service
from tests.support.harness.waiting import until


@dataclass(frozen=True, slots=True)
class Footprint:
    """Tasks, file descriptors and calls under way of one process."""

    tasks: float
    descriptors: float
    pending_calls: float
    in_flight_bytes: float

    @classmethod
    async def of(cls, service: Service) -> Self:
        """Read the footprint of a service from ``/metrics``; a missing metric is 0."""
        metrics = await read_metrics(service)
        return cls(
            tasks=metrics["predictmq_tasks"],
            descriptors=metrics["process_open_fds"],
            pending_calls=metrics.get("predictmq_pending_calls", 0),
            in_flight_bytes=metrics.get("predictmq_in_flight_bytes", 0),
        )

    async def fits(self, service: Service) -> None:
        """Wait until a service holds no more than this; an AssertionError in the end."""
        now = self

        async def does() -> bool:
            nonlocal now
            now = await type(self).of(service)
            pairs = zip(astuple(now), astuple(self), strict=True)
            return all(count <= limit for count, limit in pairs)

        await until(does, lambda: f"{now} is no more than {self}")


class Footprints:
    """The footprints of several services and their vhost on the broker, before a fault."""

    def __init__(self, broker: PrivateBroker, vhost: str) -> None:
        self._broker = broker
        self._vhost = vhost
        self._of: dict[Service, Footprint] = {}
        self._channels = 0

    async def note(self, services: Iterable[Service]) -> None:
        """Take the present footprints of ``services`` and the vhost as their limits."""
        for service in services:
            self._of[service] = await Footprint.of(service)
        self._channels = await self._count_channels()

    async def fit(self, services: Iterable[Service]) -> None:
        """Wait until ``services`` and the vhost are within their limits, or fail.

        Services without a limit are left out.
        """
        for service in services:
            if service in self._of:
                await self._of[service].fits(service)

        async def channels_fit() -> bool:
            return await self._count_channels() <= self._channels

        await until(channels_fit, lambda: f"{self._channels} channels")

    async def _count_channels(self) -> int:
        listed = await asyncio.to_thread(self._broker.ctl, "list_channels", "vhost")
        return listed.splitlines().count(self._vhost)


async def memory_bytes(service: Service) -> float:
    """Return the resident memory of a service."""
    return (await read_metrics(service))["process_resident_memory_bytes"]
