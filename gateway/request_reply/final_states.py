"""Final states that a gateway says itself: a prediction was cancelled, or had no more time.

They go into the reply stream like those that predictors say, so the first one counts for all
gateways. Then the predictors are told, so that they stop what nobody needs.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from common.contract.messages import CANCELLED, Message, Reply
from common.contract.topology import CANCELLATIONS
from common.errors import Unavailable

TELL_TIMEOUT_S: Final = 5.0

MAX_UNTOLD: Final = 10_000
"""Of more than these the predictors are not told: they run for nothing then."""

log = structlog.get_logger()


class Stream(Protocol):
    """Takes events; returns once they are confirmed."""

    async def tell(self, event: Message, timeout_s: float) -> None: ...


class Publisher(Protocol):
    """Reaches the predictors."""

    async def publish(
        self, message: Message, routing_key: str, *, timeout_s: float, exchange: str = ""
    ) -> None: ...


class FinalStates:
    """Says final states to ``stream``, and to predictors. ``now_s`` is Unix time."""

    def __init__(self, stream: Stream, publisher: Publisher, now_s: Callable[[], float]) -> None:
        self._stream = stream
        self._publisher = publisher
        self._now_s = now_s
        self._untold: asyncio.Queue[str] = asyncio.Queue(MAX_UNTOLD)

    async def say(self, correlation_id: str, final: Reply, timeout_s: float) -> None:
        """Have a final state written into the stream, where an earlier one may stand.

        Raises:
            Unavailable: it is not confirmed within ``timeout_s`` seconds; it may be written or not.
        """
        await self._stream.tell(self._message(correlation_id, final), timeout_s)

    def tell_predictors(self, correlation_id: str) -> None:
        """Have the predictors told, soon, that a prediction needs no answer any more.

        They are not, and run it, if the broker is away.
        """
        if not self._untold.full():
            self._untold.put_nowait(correlation_id)

    async def run(self) -> None:
        """Tell the predictors until cancelled."""
        while True:
            message = self._message(await self._untold.get(), CANCELLED)
            try:
                await self._publisher.publish(
                    message, "", timeout_s=TELL_TIMEOUT_S, exchange=CANCELLATIONS
                )
            except Unavailable as exc:
                log.info(
                    "predictors not told of a cancellation",
                    correlation_id=message.correlation_id,
                    reason=exc.sentence,
                )

    def _message(self, correlation_id: str, final: Reply) -> Message:
        return final.to_message(correlation_id, int(self._now_s()))
