"""The port to a connection that publishes, and the same with a span for each publish."""

import asyncio
from typing import Protocol

from common.contract.messages import Message
from common.telemetry.tracing import Tracer


class Publisher(Protocol):
    """A connection to publish on, as use cases know it: ``SupervisedConnection`` or a fake."""

    @property
    def is_up(self) -> bool:
        """True while messages can be published."""

    @property
    def is_blocked(self) -> bool:
        """True while the broker takes no messages (memory or disk alarm)."""

    async def ready(self, timeout_s: float) -> None:
        """Wait until messages can be published.

        Raises:
            BrokerAway: that takes longer than ``timeout_s`` seconds.
        """

    async def publish(
        self, message: Message, routing_key: str, *, timeout_s: float, exchange: str = ""
    ) -> None:
        """Publish and wait for the broker's confirm.

        The message goes to the queue named ``routing_key``, or to all queues bound to ``exchange``.

        Raises:
            Unavailable: as the subclass that says whether the message may have arrived.
        """

    def publish_nowait(self, message: Message, routing_key: str) -> asyncio.Future[object]:
        """Publish and return the confirm.

        An error of ``publish`` is raised, or set in the future if it is known only later.
        """

    def reconnect(self, reason: str) -> None:
        """Replace the connection: something that was declared on it is missing."""


class TracedPublisher:
    """A publisher with a span for each publish, whose context is in the message's headers."""

    def __init__(self, publisher: Publisher, tracer: Tracer) -> None:
        self._publisher = publisher
        self._tracer = tracer

    @property
    def is_up(self) -> bool:
        """See ``Publisher``."""
        return self._publisher.is_up

    @property
    def is_blocked(self) -> bool:
        """See ``Publisher``."""
        return self._publisher.is_blocked

    async def ready(self, timeout_s: float) -> None:
        """See ``Publisher``."""
        await self._publisher.ready(timeout_s)

    async def publish(
        self, message: Message, routing_key: str, *, timeout_s: float, exchange: str = ""
    ) -> None:
        """Publish in a span that ends with the confirm."""
        with self._tracer.publishing(message, routing_key, exchange) as traced:
            await self._publisher.publish(
                traced, routing_key, timeout_s=timeout_s, exchange=exchange
            )

    def publish_nowait(self, message: Message, routing_key: str) -> asyncio.Future[object]:
        """Publish in a span that ends with the confirm."""
        return asyncio.ensure_future(self._publish(message, routing_key))

    async def _publish(self, message: Message, routing_key: str) -> object:
        with self._tracer.publishing(message, routing_key, "") as traced:
            return await asyncio.shield(self._publisher.publish_nowait(traced, routing_key))

    def reconnect(self, reason: str) -> None:
        """See ``Publisher``."""
        self._publisher.reconnect(reason)


def traced(publisher: Publisher, tracer: Tracer | None) -> Publisher:
    """Return ``publisher``, with a span for each publish if there is a tracer."""
    return TracedPublisher(publisher, tracer) if tracer else publisher
