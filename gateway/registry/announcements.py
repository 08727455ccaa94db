"""Announcements as they arrive: read and recorded in slices, so that none blocks the event loop.

The work of a slice is bounded by the size of what is read in it. Announcements that arrive in the
meantime wait; if they are too many, the newest are dropped: predictors repeat their announcements.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Final

import structlog

from common.amqp.channel import Delivery
from common.contract.announcement import MAX_ANNOUNCEMENT_BYTES, Announcement
from common.errors import MalformedRequest
from gateway.registry.cards import CardReader
from gateway.registry.replicas import ReplicaTable

MAX_WAITING_BYTES: Final = 4 * MAX_ANNOUNCEMENT_BYTES
"""Announcements that wait for their turn."""

_SLICE: Final = 64 * 2**10
"""Bytes that are read in one slice."""

_EACH: Final = 2**10
"""Bytes that each announcement and each card counts for beside its own."""

log = structlog.get_logger()


class AnnouncementReader:
    """The reader of announcements into a table of replicas; whatever is no good is left out."""

    def __init__(self, table: ReplicaTable) -> None:
        self._table = table
        self._cards = CardReader()
        self._waiting: deque[Delivery] = deque()
        self._waiting_bytes = 0
        self._work: Iterator[int] | None = None
        self.refused = 0
        """Announcements, and cards in them, that were left out."""

    @property
    def is_idle(self) -> bool:
        """True if no announcement waits or is being recorded."""
        return self._work is None

    def put(self, delivery: Delivery) -> None:
        """Record an announcement: a small one at once, if no other one waits."""
        if self._waiting_bytes + _size(delivery) > MAX_WAITING_BYTES:
            self.refused += 1
            log.warning(
                "announcement left out", delivery_tag=delivery.tag, reason="Too many others wait."
            )
            return
        self._waiting.append(delivery)
        self._waiting_bytes += _size(delivery)
        if self.is_idle:
            self._work = self._record_all()
            self._run_slice()

    def _run_slice(self) -> None:
        work, self._work = self._work, None  # a defect ends this work, not that of later ones
        assert work is not None
        done = 0
        for size in work:
            done += size
            if done >= _SLICE:
                self._work = work
                asyncio.get_running_loop().call_soon(self._run_slice)
                return

    def _record_all(self) -> Iterator[int]:
        """Record what waits; yield how much each step was."""
        while self._waiting:
            delivery = self._waiting.popleft()
            message = delivery.message
            self._waiting_bytes -= _size(delivery)
            yield _EACH + len(message.body) // 100  # which is that much faster than to check it
            try:
                announcement, cards = Announcement.split(message)
            except MalformedRequest as exc:
                self.refused += 1
                log.warning("not an announcement", delivery_tag=delivery.tag, reason=exc.sentence)
            else:
                yield from self._record(announcement, cards)

    def _record(self, announcement: Announcement, cards: tuple[bytes, ...]) -> Iterator[int]:
        reasons: list[str] = []
        for json in cards:
            try:
                self._table.record_model(announcement, self._cards.read(json))
            except MalformedRequest as exc:
                reasons.append(exc.sentence)
            yield len(json) + _EACH
        if reasons:
            self.refused += len(reasons)
            log.warning(
                "models of an announcement left out",
                replica=announcement.replica_id,
                count=len(reasons),
                reason=reasons[0],
            )


def _size(delivery: Delivery) -> int:
    return len(delivery.message.body) + _EACH
