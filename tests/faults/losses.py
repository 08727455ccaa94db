"""What a service says itself of the connections that it has lost."""

import re
from collections.abc import Collection, Iterable
from typing import Final

import httpx

from tests.support.services import Service
from tests.support.waiting import until

LOST: Final = re.compile(
    r'^predictmq_broker_reconnects_total\{connection="(\w+)"\} (\S+)$', re.MULTILINE
)

POLL_S: Final = 0.2


async def losses(service: Service) -> dict[str, int]:
    """How often the service has noticed the end of each of its connections, by their names."""
    async with httpx.AsyncClient(base_url=service.url) as http:
        metrics = (await http.get("/metrics")).text
    return {name: int(float(count)) for name, count in LOST.findall(metrics)}


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
    """How many connections the services have noticed the end of, all together."""
    return sum([sum((await losses(service)).values()) for service in services])
