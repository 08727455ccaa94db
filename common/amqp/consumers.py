"""The consumers of one channel: each delivery to its consumer, whatever becomes of it there."""

import itertools
from collections.abc import Callable
from typing import NamedTuple, Protocol

import structlog

from common.amqp.frames.events import Delivered, Unreadable
from common.amqp.unsettled import Unsettled

log = structlog.get_logger()


class Consumer(NamedTuple):
    """A consumer of a queue or a stream."""

    queue: str
    deliver: Callable[[Delivered], None]
    no_ack: bool
    is_stream: bool


class Refuse(Protocol):
    """The settlement of a delivery that no consumer will settle."""

    def __call__(self, tag: int, *, is_stream: bool) -> None: ...


class Consumers:
    """The consumers by their tags, which are in ``tags`` as well."""

    def __init__(self, tags: set[bytes], unsettled: Unsettled, refuse: Refuse) -> None:
        self._tags = tags
        self._unsettled = unsettled
        self._refuse = refuse
        self._by_tag: dict[bytes, Consumer] = {}
        self._numbers = itertools.count(1)

    def add(self, consumer: Consumer) -> str:
        """Add a consumer; return its tag, which no other one of this channel ever has."""
        tag = str(next(self._numbers))
        self._by_tag[tag.encode()] = consumer
        self._tags.add(tag.encode())
        return tag

    def remove(self, tag: str) -> None:
        """Remove a consumer that the broker delivers to no longer."""
        self._by_tag.pop(tag.encode(), None)
        self._tags.discard(tag.encode())

    def deliver(self, event: Delivered) -> bool:
        """Pass a delivery to its consumer; if that raises, log it and refuse the delivery.

        Returns False if it raised.
        """
        consumer, tag = self._by_tag[event.consumer_tag], event.delivery_tag
        if not consumer.no_ack:
            self._unsettled.add(tag)
        try:
            consumer.deliver(event)
        except Exception:  # a defect ends its message, not the connection
            log.exception("delivery failed", queue=consumer.queue, delivery_tag=tag)
            self._refuse(tag, is_stream=consumer.is_stream)
            return False
        return True

    def refuse_unreadable(self, event: Unreadable) -> None:
        """Log a delivery that cannot be read, and refuse it."""
        tag, reason = event.delivery_tag, event.reason
        if event.consumer_tag is None:
            log.error("returned message not readable", reason=reason)
            return
        consumer = self._by_tag[event.consumer_tag]
        place = {"offset": event.offset} if consumer.is_stream else {}
        log.warning(
            "message not readable", queue=consumer.queue, delivery_tag=tag, reason=reason, **place
        )
        if not consumer.no_ack:
            self._unsettled.add(tag)
            self._refuse(tag, is_stream=consumer.is_stream)
