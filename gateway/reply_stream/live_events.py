"""The predictions that go on: the last that was heard of each, and who follows them. No I/O."""

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
"""Predictions whose last events are remembered: those heard of last."""

MAX_UNREAD: Final = 100
"""Events that a follower may leave unread: then it is let go, and has to resume."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something about a prediction that stands in the stream at ``offset``.

    ``progress`` if it says how far it has come. Of an ending only the place is told.
    """

    type: str
    offset: int
    progress: Progress | None = None


class LastEvents(msgspec.Struct, frozen=True, gc=False):
    """What was heard of a prediction: when it was last started, and how far it has come since."""

    started: Event | None
    progress: Event | None

    def in_order(self) -> list[Event]:
        """In the order of the stream."""
        return [event for event in (self.started, self.progress) if event is not None]


NOTHING: Final = LastEvents(None, None)


class Follower:
    """What one client has not been told yet."""

    def __init__(self) -> None:
        self._unread: deque[Event] = deque()
        self._something = asyncio.Event()
        self._let_go = False

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self._let_go and not self._unread

    def tell(self, event: Event) -> None:
        """Keep an event for ``next``, unless too many are kept already."""
        if len(self._unread) >= MAX_UNREAD:
            self.let_go()
        elif not self._let_go:
            self._unread.append(event)
            self._something.set()

    def let_go(self) -> None:
        """Nothing more will come."""
        self._let_go = True
        self._something.set()

    async def next(self, timeout_s: float) -> Event | None:
        """The next event; None if there is none within ``timeout_s`` seconds, or none any more."""
        if not self._unread and not self._let_go:
            self._something.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._something.wait()
        return self._unread.popleft() if self._unread else None


class LiveEvents:
    """Prediction id → the last events, for ``MAX_KNOWN`` of those that go on; and followers."""

    def __init__(self) -> None:
        self._last: dict[PredictionId, LastEvents] = {}
        self._followers: dict[PredictionId, set[Follower]] = {}
        self._is_interrupted = False

    @property
    def followers(self) -> int:
        """How many follow a prediction."""
        return sum(map(len, self._followers.values()))

    def last_events(self, prediction_id: PredictionId) -> LastEvents:
        """What is known of a prediction that goes on."""
        return self._last.get(prediction_id, NOTHING)

    def note(self, prediction_id: PredictionId, event: Event) -> None:
        """An event of a prediction that goes on. One that starts anew has come nowhere."""
        known = self._last.pop(prediction_id, NOTHING)
        is_start = event.type == MessageType.STARTED
        self._last[prediction_id] = (
            LastEvents(event, None) if is_start else LastEvents(known.started, event)
        )
        if len(self._last) > MAX_KNOWN:
            del self._last[next(iter(self._last))]
        self._tell(prediction_id, event)

    def end(self, prediction_id: PredictionId, ending: Event) -> None:
        """The final state is recorded."""
        self._last.pop(prediction_id, None)
        self._tell(prediction_id, ending)

    @contextmanager
    def follow(self, prediction_id: PredictionId) -> Iterator[Follower]:
        """What happens from now on, for as long as the context lasts."""
        follower = Follower()
        if self._is_interrupted:
            follower.let_go()
        followers = self._followers.setdefault(prediction_id, set())
        followers.add(follower)
        try:
            yield follower
        finally:
            followers.discard(follower)
            if not followers and self._followers.get(prediction_id) is followers:
                del self._followers[prediction_id]

    def begin_again(self) -> None:
        """The offsets are of another stream: forget them, and let those go who have been told."""
        self._last.clear()
        self._let_all_go()

    def interrupt(self) -> None:
        """Let every follower go, now and from now on: this gateway is to end."""
        self._is_interrupted = True
        self._let_all_go()

    def _let_all_go(self) -> None:
        for followers in self._followers.values():
            for follower in followers:
                follower.let_go()

    def _tell(self, prediction_id: PredictionId, event: Event) -> None:
        for follower in self._followers.get(prediction_id, ()):
            follower.tell(event)
