"""A supervisor that restarts ended services, as one in production does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.support.harness.services import Service
from tests.support.harness.waiting import TIMEOUT_S, until


@asynccontextmanager
async def supervised(services: Sequence[Service]) -> AsyncIterator[None]:
    """Restart each of ``services`` whenever it ends; all of them run at the end of the context."""
    supervisors = [asyncio.create_task(_keep_alive(service)) for service in services]
    try:
        yield
        for service in services:
            await _runs(service)
    finally:
        for supervisor in supervisors:
            supervisor.cancel()
        await asyncio.gather(*supervisors, return_exceptions=True)


async def _keep_alive(service: Service) -> None:
    while True:
        await service.exit_code(timeout_s=600)
        service.start()


async def _runs(service: Service) -> None:
    async def runs() -> bool:
        return service.is_running

    await until(runs, lambda: "it is started again", TIMEOUT_S)
