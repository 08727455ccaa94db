"""The projection of the reply stream: applies its events to the state in memory. No I/O."""

from typing import Final

import structlog

from common.contract.claim import ClaimBody
from common.contract.messages import Message, MessageType, final_reply
from common.contract.progress import Progress
from common.errors import MalformedRequest
from gateway.prediction_id import PredictionId, PredictionIds
from gateway.reply_stream.idempotency_claims import Claim, IdempotencyClaims
from gateway.reply_stream.live_events import Event, LiveEvents
from gateway.reply_stream.results import Results
from gateway.reply_stream.waiters import Waiters

LIVE_TYPES: Final = frozenset({MessageType.STARTED, MessageType.PROGRESS})
"""Types of events that report the progress of a running prediction."""

NOT_FINAL: Final = LIVE_TYPES | {MessageType.ACCEPTED}
"""Types of events after which a prediction goes on."""

log = structlog.get_logger()


def read_event(message: Message, offset: int) -> Event:
    """Read a message with one of the ``LIVE_TYPES`` into an event.

    Raises:
        MalformedRequest: the message cannot be read.
    """
    is_progress = message.type == MessageType.PROGRESS
    progress = Progress.from_message(message) if is_progress else None
    return Event(message.type, offset, progress)


class Projection:
    """The application of the stream's events to the state of this gateway.

    Final states go to ``results`` and wake ``waiters``; ``started`` and ``progress`` go to
    ``live_events`` until the end; claims and releases of idempotency keys go to ``claims``.
    """

    def __init__(
        self,
        ids: PredictionIds,
        results: Results,
        waiters: Waiters,
        live_events: LiveEvents,
        claims: IdempotencyClaims,
    ) -> None:
        self._ids = ids
        self._results = results
        self._waiters = waiters
        self._live_events = live_events
        self._claims = claims
        self.ignored = 0
        """Events that were ignored: they cannot be read, or are of no prediction of ours."""

    def apply(self, message: Message, offset: int) -> bool:
        """Apply the event at ``offset``; of several final states of one id the first one wins.

        Returns whether it is a final state of a known prediction whose life goes on.
        """
        if message.type in (MessageType.CLAIM, MessageType.RELEASED):
            self._apply_claim(message, offset)
            return False
        reply = final_reply(message)
        if reply is None and message.type not in NOT_FINAL:
            self._ignore("not a final state", offset, type=message.type)
            return False
        prediction_id = self._recognise(message.correlation_id, offset)
        if prediction_id is None or not self._ids.is_alive(prediction_id):
            return False
        self._claims.mark_accepted(prediction_id)
        if reply is None:
            self._apply_live_event(prediction_id, message, offset)
            return False
        if self._results.record(prediction_id, reply, offset):
            self._waiters.wake(prediction_id)
            self._live_events.end(prediction_id, Event(reply.type, offset))
        return True

    def begin_counting(self) -> None:
        """Count the final states that are applied from now on: they are new."""
        self._results.is_counting = True

    def begin_again(self) -> None:
        """Prepare for another stream, from its beginning."""
        self._results.lose_offsets()
        self._live_events.begin_again()
        self._claims.forget()

    def _apply_live_event(self, prediction_id: PredictionId, message: Message, offset: int) -> None:
        """Apply a ``started`` or ``progress`` event; after the final state it is ignored."""
        if message.type not in LIVE_TYPES or prediction_id in self._results:
            return
        try:
            event = read_event(message, offset)
        except MalformedRequest as exc:
            self._ignore("not progress", offset, reason=exc.sentence)
        else:
            self._live_events.record(prediction_id, event)

    def _apply_claim(self, message: Message, offset: int) -> None:
        """Apply a claim or release.

        Expired claims too: expiry follows from the ids in the stream, not from this gateway's
        clock.
        """
        prediction_id = self._recognise(message.correlation_id, offset)
        if prediction_id is None:
            return
        try:
            body = ClaimBody.from_message(message)
        except MalformedRequest as exc:
            self._ignore("not a claim", offset, reason=exc.sentence)
            return
        key, request = bytes.fromhex(body.key), bytes.fromhex(body.request)
        claim = Claim(key, request, prediction_id)
        if message.type == MessageType.CLAIM:
            self._claims.add(claim)
        else:
            self._claims.release(claim)

    def _recognise(self, correlation_id: str, offset: int) -> PredictionId | None:
        """Return the prediction of an event, if a gateway has minted its id."""
        prediction_id = self._ids.recognise_any(correlation_id)
        if prediction_id is None:
            self._ignore("not our prediction", offset, correlation_id=correlation_id)
        return prediction_id

    def _ignore(self, why: str, offset: int, **details: str) -> None:
        self.ignored += self._results.is_counting
        log.warning(why, offset=offset, **details)
