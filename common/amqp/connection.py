"""One supervised connection to the broker.

A connection lives until anything in it ends: the socket, a channel, a consumer. Then it is
closed and made anew, set up in the same order, and only then opened to publishers; so there
is one way to recover, whatever happened. Publishing and consuming belong on different
connections: under a memory or disk alarm the broker stops reading from those that publish.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from aio_pika.abc import AbstractConnection
from aiormq import Channel as UnderlayChannel

from common.amqp.aiormq_internals import is_blocked, underlay
from common.amqp.channel import Channel
from common.amqp.error_mapping import mapped_errors
from common.amqp.login import close, connect
from common.contract.messages import Message
from common.contract.topology import STREAMS
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
    """Seconds to wait before connection attempt number ``attempt``, counted from 0.

    Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015), so that many
    clients of a restarted broker do not come back at once.
    """
    ceiling = min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2 ** min(attempt, 16))
    return random.uniform(BACKOFF_MIN_S / 2, ceiling)


class SupervisedConnection:
    """A connection that is made again whenever it is lost, for as long as ``run`` runs.

    ``set_up`` declares and consumes on each new connection, before publishers may use it;
    ``on_lost`` is told, synchronously, that what ``set_up`` made is gone.
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
        self._raw: AbstractConnection | None = None
        self._lost: asyncio.Future[str] | None = None
        self._publisher: Channel | None = None
        self._stream_publishers: dict[str, Channel] = {}
        self.reconnects = 0

    @property
    def is_up(self) -> bool:
        """Whether the connection is set up, as far as anyone can tell."""
        return self._up.is_set()

    @property
    def is_blocked(self) -> bool:
        """Whether the broker said that it takes no messages now (memory or disk alarm)."""
        return self._raw is not None and is_blocked(self._raw)

    async def run(self) -> None:
        """Connect, and connect again, until cancelled.

        Raises:
            Misconfigured: wrong credentials, permissions or leftovers on the broker, before
                the connection was ever up. Later the same only delays the next attempt.
        """
        attempt = 0
        while True:
            try:
                async with self._session() as lost:
                    log.info("broker connected", connection=self._name)
                    since = time.monotonic()
                    reason = await lost
                self.reconnects += 1
                if time.monotonic() - since > BACKOFF_MAX_S:
                    attempt = 0  # one that ends at once would come back at once, for ever
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
            BrokerAway: it was not within ``timeout_s`` seconds.
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
            ConnectionLost: and the connection counts as down from then on.
        """
        publisher = self._publisher_of(routing_key)
        await publisher.publish(message, routing_key, timeout_s=timeout_s, exchange=exchange)

    def publish_nowait(self, message: Message, routing_key: str) -> asyncio.Future[object]:
        """Publish without waiting for the confirm: see ``Channel.publish_nowait``.

        Raises:
            BrokerAway: the connection is down; nothing was sent.
        """
        return self._publisher_of(routing_key).publish_nowait(message, routing_key)

    def _publisher_of(self, routing_key: str) -> Channel:
        publisher = self._stream_publishers.get(routing_key, self._publisher)
        if publisher is not None and self._lost is not None and not publisher.is_open:
            # Its callback is still to tell; until then it would be tried again and again.
            self._lose(self._lost, "a channel has ended")
        if publisher is None or not self._up.is_set():
            raise BrokerAway("The message broker is not available.")
        return publisher

    def reconnect(self, reason: str) -> None:
        """Have the connection made and set up anew: something that it had set up is missing."""
        if self._lost is not None and self._up.is_set():
            self._lose(self._lost, reason)

    async def channel(self) -> Channel:
        """Open a channel whose end is the connection's end.

        Raises:
            ConnectionLost: there is no connection.
        """
        raw, lost = self._raw, self._lost
        if raw is None or lost is None:
            raise ConnectionLost("The connection to the broker was lost.")
        with mapped_errors():
            channel = await underlay(raw).channel(on_return_raises=True)
        assert isinstance(channel, UnderlayChannel)  # aiormq's own, not another transport's
        ours = Channel(channel)

        def on_end(closing: asyncio.Future[Any]) -> None:
            why = _why(closing)
            self._lose(lost, f"a channel was closed: {_told(why)}")
            ours.fail_pending(why)

        channel.closing.add_done_callback(on_end)
        channel.on_consumer_cancel_callbacks.add(
            lambda _: self._lose(lost, "the broker cancelled a consumer")
        )
        return ours

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncio.Future[str]]:
        """Connect, set up, open the gate; yields what is done, with a reason, at the end."""
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        raw = await connect(self._broker, self._name)
        try:
            self._raw, self._lost = raw, lost
            underlay(raw).closing.add_done_callback(
                lambda closing: self._lose(
                    lost, f"the connection was closed: {_told(_why(closing))}"
                )
            )
            await self._open()
            self._up.set()
            yield lost
        finally:
            self._up.clear()
            self._raw = self._lost = self._publisher = None
            self._stream_publishers = {}
            self._on_lost()
            await close(raw)

    def _lose(self, lost: asyncio.Future[str], reason: str) -> None:
        """A connection has ended; nothing is published any more, if it is the one in use."""
        if lost is self._lost:
            self._up.clear()
        if not lost.done():
            lost.set_result(reason)

    async def _open(self) -> None:
        try:
            with mapped_errors():
                async with asyncio.timeout(SET_UP_TIMEOUT_S):
                    self._publisher = await self.channel()
                    # A stream has a channel to itself. What was not confirmed RabbitMQ (3.10 to
                    # 4.0) sends to a stream's new leader under its number in the channel, not in
                    # the stream: what follows would pass for a repetition, and be confirmed and
                    # dropped. Here the two numbers are one.
                    self._stream_publishers = {name: await self.channel() for name in STREAMS}
                    await self._set_up(self)
        except NotPermitted as exc:
            raise Misconfigured(f"The RabbitMQ user lacks a permission: {exc.__cause__}.") from exc


def _why(closing: asyncio.Future[Any]) -> BaseException | None:
    """What the broker, or the network, gave as the reason."""
    return asyncio.CancelledError() if closing.cancelled() else closing.exception()


def _told(why: BaseException | None) -> str:
    return str(why) or type(why).__name__ if why else "no reason given"
