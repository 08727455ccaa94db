"""Cancelled predictions, whose requests need no reply: gateways publish them to all predictors."""

import time
from collections.abc import Callable
from typing import Final

import structlog

from common.amqp.channel import Channel, Delivery
from common.contract.messages import MessageType
from common.contract.topology import CANCELLATIONS

REMEMBER_S: Final = 3600.0
REMEMBER_COUNT: Final = 50_000
"""Some ten megabytes. A request that is delivered after its id was forgotten runs for nothing."""

log = structlog.get_logger()


class Cancellations:
    """The correlation ids that were cancelled lately; ``on_cancelled`` is called with each.

    ``now_s`` is a monotonic clock.
    """

    def __init__(
        self, on_cancelled: Callable[[str], None], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._on_cancelled = on_cancelled
        self._now_s = now_s
        self._since_s: dict[str, float] = {}
        self.ignored = 0
        """Messages that were no cancellations."""

    def __len__(self) -> int:
        return len(self._since_s)

    def __contains__(self, correlation_id: object) -> bool:
        return correlation_id in self._since_s

    async def attach(self, channel: Channel) -> None:
        """Consume on a new connection, before requests are consumed there."""
        queue = await channel.declare_own_queue(bound_to=CANCELLATIONS)
        await channel.consume(queue, self._on_delivery, no_ack=True)

    def _on_delivery(self, delivery: Delivery) -> None:
        message = delivery.message
        if message.type != MessageType.CANCELLED:
            self.ignored += 1
            log.warning("not a cancellation", type=message.type, delivery_tag=delivery.tag)
            return
        self._forget_old()
        self._since_s.setdefault(message.correlation_id, self._now_s())
        self._on_cancelled(message.correlation_id)

    def _forget_old(self) -> None:
        """Forget ids that are too old or too many; the oldest stand first."""
        too_old_s = self._now_s() - REMEMBER_S
        while self._since_s:
            oldest = next(iter(self._since_s))
            if len(self._since_s) < REMEMBER_COUNT and self._since_s[oldest] > too_old_s:
                return
            del self._since_s[oldest]
