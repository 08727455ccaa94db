"""A consumer of a queue or a stream: the callback that gets its deliveries, and its options."""

from collections.abc import Callable
from typing import NamedTuple

import structlog

from common.amqp.frames.events import Delivered

log = structlog.get_logger()


class Consumer(NamedTuple):
    """A consumer; ``on_delivery`` is called for each delivery."""

    queue: str
    on_delivery: Callable[[Delivered], None]
    no_ack: bool
    is_stream: bool

    def deliver(self, event: Delivered) -> bool:
        """Deliver; return False if that raises, which is logged."""
        try:
            self.on_delivery(event)
        except Exception:  # a defect ends its message, not the connection
            log.exception("delivery failed", queue=self.queue, delivery_tag=event.delivery_tag)
            return False
        return True
