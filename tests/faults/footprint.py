"""What a service holds at a moment: if it is more than before, something leaks."""

import re
from dataclasses import astuple, dataclass
from typing import Self

import httpx

from tests.support.services import Service
from tests.support.waiting import until


@dataclass(frozen=True, slots=True)
class Footprint:
    """Tasks, file descriptors and calls under way of one process."""

    tasks: float
    descriptors: float
    pending_calls: float
    in_flight_bytes: float

    @classmethod
    async def of(cls, service: Service) -> Self:
        """Read it from ``/metrics``; what a service does not have is 0."""
        async with httpx.AsyncClient(base_url=service.url) as http:
            metrics = (await http.get("/metrics")).text

        def read(name: str) -> float:
            found = re.search(rf"^{name} (\S+)$", metrics, re.MULTILINE)
            return float(found[1]) if found else 0.0

        return cls(
            tasks=read("predictmq_tasks"),
            descriptors=read("process_open_fds"),
            pending_calls=read("predictmq_pending_calls"),
            in_flight_bytes=read("predictmq_in_flight_bytes"),
        )

    @classmethod
    async def shrinks_to(cls, before: Self, service: Service) -> None:
        """Wait until a service holds no more than ``before``; an AssertionError in the end."""
        now = before

        async def fits() -> bool:
            nonlocal now
            now = await cls.of(service)
            pairs = zip(astuple(now), astuple(before), strict=True)
            return all(count <= count_before for count, count_before in pairs)

        await until(fits, lambda: f"{now} is no more than {before}")
