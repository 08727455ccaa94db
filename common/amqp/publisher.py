"""The port to a connection that publishes, and the same with a span for each publish."""

import asyncio
from typing import Protocol

from common.contract.messages import Message
from common.telemetry.tracing import Tracer


class Publisher(Protocol):
    """What publishes, as far as requests and replies are concerned."""

    @property
    def is_up(self) -> bool: ...
    @property
    def is_blocked(self) -> bool: ...
    async def ready(self, timeout_s: float) -> None: ...
    async def publish(
        self, message: Message, routing_key: str, *, timeout_s: float, exchange: str = ""
    ) -> None: ...
    def publish_nowait(self, message: Message, routing_key: str) -> asyncio.Future[object]:
        """What is wrong at once is raised, or in the future as what is wrong later."""

    def reconnect(self, reason: str) -> None: ...


class TracedPublisher:
    """A link whose every publish is a span; its message carries the span's context."""

    def __init__(self, link: Publisher, tracer: Tracer) -> None:
        self._link = link
        self._tracer = tracer

    @property
    def is_up(self) -> bool:
        """As the link's own."""
        return self._link.is_up

    @property
    def is_blocked(self) -> bool:
        """As the link's own."""
        return self._link.is_blocked

    async def ready(self, timeout_s: float) -> None:
        """As the link's own."""
        await self._link.ready(timeout_s)

    async def publish(
        self, message: Message, routing_key: str, *, timeout_s: float, exchange: str = ""
    ) -> None:
        """Publish, in a span that lasts until the broker has confirmed."""
        with self._tracer.publishing(message, routing_key, exchange) as traced:
            await self._link.publish(traced, routing_key, timeout_s=timeout_s, exchange=exchange)

    def publish_nowait(self, message: Message, routing_key: str) -> asyncio.Future[object]:
        """Publish, in a span that lasts until the broker has confirmed."""
        return asyncio.ensure_future(self._post(message, routing_key))

    async def _post(self, message: Message, routing_key: str) -> object:
        with self._tracer.publishing(message, routing_key, "") as traced:
            return await asyncio.shield(self._link.publish_nowait(traced, routing_key))

    def reconnect(self, reason: str) -> None:
        """As the link's own."""
        self._link.reconnect(reason)


def traced(link: Publisher, tracer: Tracer | None) -> Publisher:
    """``link``, with a span for each publish if there is a tracer."""
    return TracedPublisher(link, tracer) if tracer else link
