"""The lost connections of a service, by its own metric."""

from collections.abc import Collection, Iterable
from typing import Final

from tests.support.harness.metrics import read_samples
from tests.support.harness.services import Service
from tests.support.harness.waiting import until

LOST: Final = "predictmq_broker_reconnects_total"
POLL_S: Final = 0.2


async def losses(service: Service) -> dict[str, int]:
    """Return the count of losses that the service has noticed, by the name of the connection."""
    samples = await read_samples(service)
    return {each.labels["connection"]: int(each.value) for each in samples if each.name == LOST}


async def notices(
    service: Service, before: dict[str, int], connections: Collection[str], within_s: float
) -> None:
    """Wait until the service has noticed one more end of each of ``connections``."""
    now = before

    async def does() -> bool:
        nonlocal now
        now = await losses(service)
        return all(now[name] > before[name] for name in connections)

    await until(does, lambda: f"{connections} are lost: {before}, {now}", within_s, POLL_S)


async def all_losses(services: Iterable[Service]) -> int:
    """Return the sum of the losses that all services have noticed."""
    return sum([sum((await losses(service)).values()) for service in services])
