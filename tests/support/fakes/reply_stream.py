"""A reply stream whose events a test applies, instead of the one on a broker."""

from collections.abc import Callable

from gateway.reply_stream.idempotency_claims import IdempotencyClaims
from gateway.reply_stream.live_events import LiveEvents
from gateway.reply_stream.reply_stream import ReplyStream
from gateway.reply_stream.results import Results
from gateway.reply_stream.waiters import Waiters

LIFE_S = 3600


class ScriptedReplyStream(ReplyStream):
    """The empty state of a gateway; a test applies events to its parts.

    ``is_caught_up`` and ``read_up_to`` are the values of ``has_caught_up`` and ``position``. There
    is no store and there are no replays.
    """

    def __init__(self, now_s: Callable[[], float], unaccepted_life_s: float = 900) -> None:
        self.results = Results(0, LIFE_S, now_s)
        self.waiters = Waiters(self.results.__contains__)
        self.live_events = LiveEvents()
        self.claims = IdempotencyClaims(LIFE_S, unaccepted_life_s, now_s)
        self.is_caught_up = True
        self.read_up_to = -1

    def has_caught_up(self) -> bool:
        return self.is_caught_up

    @property
    def position(self) -> int:
        return self.read_up_to
