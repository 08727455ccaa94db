"""What a service holds at a moment: if it is more than before, something leaks."""

from dataclasses import astuple, dataclass
from typing import Self

from tests.support.metrics import read_metrics
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
        metrics = await read_metrics(service)
        return cls(
            tasks=metrics["predictmq_tasks"],
            descriptors=metrics["process_open_fds"],
            pending_calls=metrics.get("predictmq_pending_calls", 0),
            in_flight_bytes=metrics.get("predictmq_in_flight_bytes", 0),
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


async def memory_bytes(service: Service) -> float:
    """What a service has in memory."""
    return (await read_metrics(service))["process_resident_memory_bytes"]
