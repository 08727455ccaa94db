"""Final states that a gateway publishes itself: cancelled, or out of time.

They are published to the reply stream, like those of predictors, so that the first one counts for
all gateways. Then the predictors are notified, so that they stop what is no longer needed.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from common.contract.messages import CANCELLED, Message, Reply
from common.errors import Unavailable
from gateway.request_reply.requestor import Requestor

NOTIFY_TIMEOUT_S: Final = 5.0

MAX_UNSENT: Final = 10_000
"""Notifications that wait to be published; those beyond are dropped."""

log = structlog.get_logger()


class FinalStates:
    """A publisher of final states and notifications to predictors. ``now_s`` is Unix time."""

    def __init__(self, requestor: Requestor, now_s: Callable[[], float]) -> None:
        self._requestor = requestor
        self._now_s = now_s
        self._unsent: asyncio.Queue[str] = asyncio.Queue(MAX_UNSENT)

    async def publish(self, correlation_id: str, final: Reply, timeout_s: float) -> None:
        """Publish a final state to the reply stream; if one is already there, that one wins.

        Raises:
            Unavailable: the final state is not confirmed within ``timeout_s`` seconds; it may be in
                the stream or not.
        """
        await self._requestor.publish_event(self._message(correlation_id, final), timeout_s)

    def notify_predictors(self, correlation_id: str) -> None:
        """Queue a notification to the predictors that a result is no longer needed.

        A notification is dropped if the broker is away; the prediction then runs to its end.
        """
        if not self._unsent.full():
            self._unsent.put_nowait(correlation_id)

    async def run(self) -> None:
        """Publish the queued notifications, until cancelled."""
        while True:
            message = self._message(await self._unsent.get(), CANCELLED)
            try:
                await self._requestor.publish_cancellation(message, NOTIFY_TIMEOUT_S)
            except Unavailable as exc:
                log.info(
                    "predictors not told of a cancellation",
                    correlation_id=message.correlation_id,
                    reason=exc.sentence,
                )

    def _message(self, correlation_id: str, final: Reply) -> Message:
        return final.to_message(correlation_id, int(self._now_s()))
