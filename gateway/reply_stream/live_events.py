"""The table of live events: the last ones of each running prediction, and its followers. No I/O."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import msgspec

from common.contract.messages import MessageType
from common.contract.progress import Progress
from gateway.prediction_id import PredictionId

MAX_KNOWN: Final = 10_000
"""Predictions whose last events are remembered: the most recent ones."""

MAX_UNREAD: Final = 100
"""Events that a follower may leave unread; one more ends it, and the client has to resume."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """An event of a prediction, at ``offset`` of the stream.

    Only events of type ``progress`` have a ``progress``. A final state has no body here.
    """

    type: str
    offset: int
    progress: Progress | None = None


class LastEvents(msgspec.Struct, frozen=True, gc=False):
    """The last ``started`` event of a prediction, and the last ``progress`` since then."""

    started: Event | None
    progress: Event | None

    def in_order(self) -> list[Event]:
        """List these events in the order of the stream."""
        return [event for event in (self.started, self.progress) if event is not None]


NO_EVENTS: Final = LastEvents(None, None)


class Follower:
    """The events that one client has not read yet."""

    def __init__(self) -> None:
        self._unread: deque[Event] = deque()
        self._has_event = asyncio.Event()
        self._is_ended = False

    @property
    def has_ended(self) -> bool:
        """True if no more events will come."""
        return self._is_ended and not self._unread

    def push(self, event: Event) -> None:
        """Keep an event for ``next``; end the follower instead if ``MAX_UNREAD`` are kept."""
        if len(self._unread) >= MAX_UNREAD:
            self.end()
        elif not self._is_ended:
            self._unread.append(event)
            self._has_event.set()

    def end(self) -> None:
        """Keep no more events; ``next`` still returns those that are kept."""
        self._is_ended = True
        self._has_event.set()

    async def next(self, timeout_s: float) -> Event | None:
        """Return the next event; None after ``timeout_s`` seconds without one, or at the end."""
        if not self._unread and not self._is_ended:
            self._has_event.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._has_event.wait()
        return self._unread.popleft() if self._unread else None


class LiveEvents:
    """Prediction id → its last events, for ``MAX_KNOWN`` running ones; and its followers."""

    def __init__(self) -> None:
        self._last: dict[PredictionId, LastEvents] = {}
        self._followers: dict[PredictionId, set[Follower]] = {}
        self._is_interrupted = False

    @property
    def followers(self) -> int:
        """Number of followers."""
        return sum(map(len, self._followers.values()))

    def last_events(self, prediction_id: PredictionId) -> LastEvents:
        """Return the last events of a running prediction."""
        return self._last.get(prediction_id, NO_EVENTS)

    def record(self, prediction_id: PredictionId, event: Event) -> None:
        """Record a ``started`` or ``progress`` event; ``started`` (redelivery) resets progress."""
        known = self._last.pop(prediction_id, NO_EVENTS)
        is_start = event.type == MessageType.STARTED
        self._last[prediction_id] = (
            LastEvents(event, None) if is_start else LastEvents(known.started, event)
        )
        if len(self._last) > MAX_KNOWN:
            del self._last[next(iter(self._last))]
        self._publish(prediction_id, event)

    def end(self, prediction_id: PredictionId, ending: Event) -> None:
        """Forget a prediction with a final state, and pass ``ending`` on to its followers."""
        self._last.pop(prediction_id, None)
        self._publish(prediction_id, ending)

    def last_progress(self, prediction_id: PredictionId) -> Progress | None:
        """Return the last progress of a running prediction, if any."""
        event = self.last_events(prediction_id).progress
        return event.progress if event else None

    @contextmanager
    def follow(self, prediction_id: PredictionId) -> Iterator[Follower]:
        """Follow a prediction from now on, for as long as the context lasts."""
        follower = Follower()
        if self._is_interrupted:
            follower.end()
        followers = self._followers.setdefault(prediction_id, set())
        followers.add(follower)
        try:
            yield follower
        finally:
            followers.discard(follower)
            if not followers and self._followers.get(prediction_id) is followers:
                del self._followers[prediction_id]

    def begin_again(self) -> None:
        """Forget all events, whose offsets are of a lost stream, and end all followers."""
        self._last.clear()
        self._end_all()

    def interrupt(self) -> None:
        """End all followers, now and from now on: this gateway shuts down."""
        self._is_interrupted = True
        self._end_all()

    def _end_all(self) -> None:
        for followers in self._followers.values():
            for follower in followers:
                follower.end()

    def _publish(self, prediction_id: PredictionId, event: Event) -> None:
        for follower in self._followers.get(prediction_id, ()):
            follower.push(event)
