"""A connection to the broker that is made and set up again whenever it is lost.

A connection lives until anything in it ends: the socket, a channel, a consumer (``Session``). Then
it is closed and a new one is made, set up in the same order, and only then opened to publishers; so
there is one way to recover, whatever happened. Publishing and consuming belong on different
connections: under a memory or disk alarm the broker stops reading from those that publish.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from common.amqp.channel import Channel
from common.amqp.error_mapping import mapped_errors
from common.amqp.login import close, connect
from common.amqp.session import Session
from common.contract.messages import Message
from common.errors import (
    BrokerAway,
    ConnectionLost,
    Misconfigured,
    NotPermitted,
    Unavailable,
)
from common.settings import BrokerSettings

SET_UP_TIMEOUT_S: Final = 20
BACKOFF_MIN_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0

SetUp = Callable[["SupervisedConnection"], Awaitable[None]]

log = structlog.get_logger()


def backoff_s(attempt: int) -> float:
    """Return the seconds to wait before connection attempt number ``attempt``, counted from 0.

    Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015), so that many
    clients of a restarted broker do not reconnect at once.
    """
    ceiling = min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2 ** min(attempt, 16))
    return random.uniform(BACKOFF_MIN_S / 2, ceiling)


class SupervisedConnection:
    """A connection that is made again whenever it is lost, while ``run`` runs.

    ``set_up`` declares and consumes on each new connection, before publishers may use it.
    ``on_lost`` is called, synchronously, once all that ``set_up`` made is gone.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        name: str,
        set_up: SetUp,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._broker = broker
        self._name = name
        self._set_up = set_up
        self._on_lost = on_lost
        self._up = asyncio.Event()
        self._session: Session | None = None
        self.reconnects = 0
        self.unreadable = 0
        """Deliveries that could not be read."""

    @property
    def is_up(self) -> bool:
        """True while the connection is set up and no end of it is known."""
        return self._up.is_set()

    @property
    def is_blocked(self) -> bool:
        """True while the broker takes no messages from this connection (memory or disk alarm)."""
        return self._session is not None and self._session.is_blocked

    async def run(self) -> None:
        """Connect, and connect again, until cancelled.

        Raises:
            Misconfigured: wrong credentials, permissions or leftovers on the broker, before
                the connection was ever up. Later the same only delays the next attempt.
        """
        attempt = 0
        while True:
            try:
                async with self._connected() as session:
                    log.info("broker connected", connection=self._name)
                    since = time.monotonic()
                    reason = await session.ended
                self.reconnects += 1
                if time.monotonic() - since > BACKOFF_MAX_S:
                    attempt = 0  # not after a short life: such connections would follow at once
                log.warning("broker connection lost", connection=self._name, reason=reason)
            except (Misconfigured, Unavailable) as exc:
                if isinstance(exc, Misconfigured) and not self.reconnects:
                    raise
                log.warning("broker not available", connection=self._name, reason=str(exc))
            await asyncio.sleep(backoff_s(attempt))
            attempt += 1

    async def ready(self, timeout_s: float) -> None:
        """Wait until the connection is up.

        Raises:
            BrokerAway: it is not up within ``timeout_s`` seconds.
        """
        if not self._up.is_set():
            try:
                async with asyncio.timeout(timeout_s):
                    await self._up.wait()
            except TimeoutError as exc:
                raise BrokerAway("The message broker is not available.") from exc

    async def publish(
        self, message: Message, routing_key: str, *, timeout_s: float, exchange: str = ""
    ) -> None:
        """Publish and wait for the confirm: see ``Channel.publish``.

        Raises:
            BrokerAway: the connection is down; nothing was sent.
            ConnectionLost: the connection ended meanwhile, and is down from then on.
        """
        publisher = self._publisher_of(routing_key)
        await publisher.publish(message, routing_key, timeout_s=timeout_s, exchange=exchange)

    def publish_nowait(self, message: Message, routing_key: str) -> asyncio.Future[object]:
        """Publish and return the confirm: see ``Channel.publish_nowait``.

        Raises:
            BrokerAway: the connection is down; nothing was sent.
        """
        return self._publisher_of(routing_key).publish_nowait(message, routing_key)

    def reconnect(self, reason: str) -> None:
        """Make and set up the connection anew: something that ``set_up`` made is missing."""
        if self._session is not None and self._up.is_set():
            self._session.end(reason)

    async def channel(self) -> Channel:
        """Open a channel whose end is the connection's end.

        Raises:
            ConnectionLost: there is no connection.
        """
        if self._session is None:
            raise ConnectionLost("The connection to the broker was lost.")
        return await self._session.channel()

    async def count_consumers(self, queue: str) -> int:
        """Return the number of consumers of a queue: see ``Session.count_consumers``.

        Raises:
            BrokerAway: the connection is down.
            ConnectionLost: it ended meanwhile.
        """
        if self._session is None or not self._up.is_set():
            raise BrokerAway("The message broker is not available.")
        return await self._session.count_consumers(queue)

    def _publisher_of(self, routing_key: str) -> Channel:
        session = self._session
        if session is not None and self._up.is_set():
            publisher = session.publisher_of(routing_key)
            if publisher is not None and publisher.is_open:
                return publisher
            # The callback of the channel comes later: whoever retries at once would get here again.
            session.end("a channel has ended")
        raise BrokerAway("The message broker is not available.")

    def _count_unreadable(self) -> None:
        self.unreadable += 1

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Session]:
        """Connect, set up and open to publishers; close in the end."""
        raw = await connect(self._broker, self._name)
        try:
            self._session = Session(raw, self._up.clear, self._count_unreadable)
            await self._open(self._session)
            self._up.set()
            yield self._session
        finally:
            self._up.clear()
            if self._session is not None:
                self._session.end("the connection was given up")  # its late callbacks do nothing
                self._session = None
            self._on_lost()
            await close(raw)

    async def _open(self, session: Session) -> None:
        try:
            with mapped_errors():
                async with asyncio.timeout(SET_UP_TIMEOUT_S):
                    await session.open_publishers()
                    await self._set_up(self)
        except NotPermitted as exc:
            raise Misconfigured(f"The RabbitMQ user lacks a permission: {exc.__cause__}.") from exc
