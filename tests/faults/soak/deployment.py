"""A whole deployment and its mishaps; each mishap ends with the repair."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.broker.alarm import memory_alarm
from tests.support.harness.proxy import Fault, Proxy
from tests.support.harness.services import Cluster, Service
from tests.support.models.scripted import SCRIPTED

LASTS_S: Final = 5.0
DEADLINE_S: Final = 20.0
GATEWAY: Final = {
    "DEFAULT_MODEL": "scripted",
    "GATEWAY_SYNC_TIMEOUT_S": str(DEADLINE_S),
    # Small, so that after two minutes as much is kept as will ever be.
    "GATEWAY_ASYNC_DEADLINE_S": "60",
    "GATEWAY_RESULT_TTL_S": "60",
    "GATEWAY_RESULT_CACHE_BYTES": "1000000",
}
PREDICTOR: Final = SCRIPTED | {"PREDICTOR_CONCURRENCY": "4"}


@dataclass(frozen=True)
class Deployment:
    """A broker and two of each service: a steady one behind a proxy, and one that may be ended."""

    broker: PrivateBroker
    proxies: tuple[Proxy, Proxy]
    steady_gateway: Service
    gateway: Service
    steady_predictor: Service
    predictor: Service

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path) -> AsyncIterator[Self]:
        """Start all of it and wait until it is ready; end it with the context."""
        with PrivateBroker(directory / "rabbitmq") as broker:
            async with (
                Proxy(broker.host, broker.port) as one,
                Proxy(broker.host, broker.port) as other,
            ):
                with Cluster(broker, directory, vhost="/") as cluster:
                    deployment = cls(
                        broker=broker,
                        proxies=(one, other),
                        steady_gateway=cluster.gateway(RABBITMQ_PORT=str(one.port), **GATEWAY),
                        gateway=cluster.gateway(**GATEWAY),
                        steady_predictor=cluster.predictor(
                            RABBITMQ_PORT=str(other.port), **PREDICTOR
                        ),
                        predictor=cluster.predictor(**PREDICTOR),
                    )
                    await deployment.ready()
                    yield deployment

    @property
    def gateways(self) -> list[Service]:
        """Both gateways, the steady one first."""
        return [self.steady_gateway, self.gateway]

    @property
    def steady(self) -> list[Service]:
        """The services that run throughout, so that growth of their memory is a leak."""
        return [self.steady_gateway, self.steady_predictor]

    @property
    def services(self) -> list[Service]:
        """All services."""
        return [*self.gateways, self.steady_predictor, self.predictor]

    async def ready(self) -> None:
        """Wait until every service is ready; an AssertionError in the end."""
        for service in self.services:
            await service.ready(timeout_s=60)

    async def kill_predictor(self, _: random.Random) -> None:
        """Kill a predictor and restart it."""
        self.predictor.kill()
        self.predictor.start()

    async def end_predictor(self, _: random.Random) -> None:
        """Send SIGTERM to a predictor, wait for its end and restart it."""
        self.predictor.terminate()
        await self.predictor.exit_code(timeout_s=40)
        self.predictor.start()

    async def kill_gateway(self, _: random.Random) -> None:
        """Kill a gateway and restart it."""
        self.gateway.kill()
        self.gateway.start()

    async def freeze_gateway(self, _: random.Random) -> None:
        """Freeze a gateway for a while."""
        self.gateway.freeze()
        await asyncio.sleep(LASTS_S)
        self.gateway.thaw()

    async def disturb_network(self, chance: random.Random) -> None:
        """Inject a random fault into the connections of one service."""
        proxy = chance.choice(self.proxies)
        proxy.inject(chance.choice(list(Fault)))
        await asyncio.sleep(LASTS_S)
        proxy.inject(Fault.NONE)

    async def crash_broker(self, _: random.Random) -> None:
        """Kill the broker and restart it."""
        await asyncio.to_thread(self.broker.kill)
        await asyncio.to_thread(self.broker.start)

    async def close_connections(self, _: random.Random) -> None:
        """Have the broker close every connection."""
        await asyncio.to_thread(self.broker.ctl, "close_all_connections", "--global", "a mishap")

    async def raise_alarm(self, _: random.Random) -> None:
        """Have the broker raise its memory alarm for a while."""
        async with memory_alarm(self.broker):
            await asyncio.sleep(LASTS_S)


MISHAPS: Final = (
    Deployment.kill_predictor,
    Deployment.end_predictor,
    Deployment.kill_gateway,
    Deployment.freeze_gateway,
    Deployment.disturb_network,
    Deployment.crash_broker,
    Deployment.close_connections,
    Deployment.raise_alarm,
)
