"""An application behind the server, with what all of its requests share."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import structlog
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.typing import ASGIFramework, ASGIReceiveEvent, ConnectionState, LifespanState
from hypercorn.utils import wrap_app

STREAM_ID: Final = 1

log = structlog.get_logger()


class ServedApplication:
    """An application and its requests in flight; once draining, responses close connections."""

    def __init__(self, app: ASGIFramework, config: Config, state: LifespanState) -> None:
        self.app = app
        self.state = ConnectionState(state)
        self.in_flight: set[asyncio.Task[None]] = set()
        self.is_draining = False
        wrapped = wrap_app(app, config.wsgi_max_body_size, "asgi")
        spawner = _NoTasks(asyncio.get_running_loop())
        self.open_stream = partial(
            HTTPStream, wrapped, config, WorkerContext(None), spawner, False, stream_id=STREAM_ID
        )

    async def drain(self, timeout_s: float) -> None:
        """Wait until no request is in flight, at most ``timeout_s`` seconds."""
        self.is_draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self.in_flight:
                    await asyncio.wait(tuple(self.in_flight))
        if self.in_flight:
            log.warning("requests left unanswered", count=len(self.in_flight))


class _NoTasks(TaskGroup):
    """A task group for hypercorn's stream: the application runs in the task of the exchange."""

    async def spawn_app(self, *_: Any) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        async def drop(event: ASGIReceiveEvent) -> None:
            """Drop an event: the exchange has its own."""

        return drop
