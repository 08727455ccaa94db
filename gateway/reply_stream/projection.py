"""What an event of the reply stream means to this gateway. No I/O."""

from collections.abc import Callable
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

GOES_ON: Final = frozenset({MessageType.STARTED, MessageType.PROGRESS})
"""Events that tell how far a prediction has come."""

NOT_FINAL: Final = GOES_ON | {MessageType.ACCEPTED}
"""Events of predictions that have not ended by them."""

log = structlog.get_logger()


def event_of(message: Message, offset: int) -> Event:
    """What a message of a type of ``GOES_ON`` tells.

    Raises:
        MalformedRequest: it cannot be read.
    """
    is_progress = message.type == MessageType.PROGRESS
    progress = Progress.from_message(message) if is_progress else None
    return Event(message.type, offset, progress)


class Projection:
    """Records final states in ``results`` and wakes those who ``watch`` for them.

    What goes on is noted in ``under_way``, for as long as it does; what becomes of idempotency keys
    goes to ``claims``.
    """

    def __init__(
        self,
        ids: PredictionIds,
        results: Results,
        watch: Waiters,
        under_way: LiveEvents,
        claims: IdempotencyClaims,
    ) -> None:
        self._ids = ids
        self.results = results
        self.watch = watch
        self.under_way = under_way
        self.claims = claims
        self.on_final: Callable[[Message], None] | None = None
        """Told of each message that is a final state of ours."""

    def record(self, message: Message, offset: int) -> None:
        """Take note of an event that stands at ``offset``; of one ending, only the first counts."""
        if message.type in (MessageType.CLAIM, MessageType.RELEASED):
            self._hear(message)
            return
        reply = final_reply(message)
        if reply is None and message.type not in NOT_FINAL:
            log.warning("not a final state", type=message.type, offset=offset)
            return
        prediction_id = self._recognised(message.correlation_id)
        if prediction_id is None or not self._ids.is_alive(prediction_id):
            return
        self.claims.note_accepted(prediction_id)
        if reply is None:
            self._note(prediction_id, message, offset)
            return
        if self.on_final is not None:
            self.on_final(message)
        if self.results.record(prediction_id, reply, offset):
            self.watch.settle(prediction_id)
            self.under_way.end(prediction_id, Event(reply.type, offset))

    def begin_again(self) -> None:
        """What comes next is another stream, from its beginning."""
        self.results.lose_offsets()
        self.under_way.begin_again()
        self.claims.forget()

    def _note(self, prediction_id: PredictionId, message: Message, offset: int) -> None:
        """An event of a prediction that goes on; one that comes after the end says nothing."""
        if message.type not in GOES_ON or prediction_id in self.results:
            return
        try:
            event = event_of(message, offset)
        except MalformedRequest as exc:
            log.warning("not progress", offset=offset, reason=exc.sentence)
        else:
            self.under_way.note(prediction_id, event)

    def _hear(self, message: Message) -> None:
        """Take note of what becomes of a claim.

        Also of one that is over: that is not for our clock to say.
        """
        prediction_id = self._recognised(message.correlation_id)
        if prediction_id is None:
            return
        try:
            body = ClaimBody.from_message(message)
        except MalformedRequest as exc:
            log.warning("not a claim", reason=exc.sentence)
            return
        key, request = bytes.fromhex(body.key), bytes.fromhex(body.request)
        claim = Claim(key, request, prediction_id)
        if message.type == MessageType.CLAIM:
            self.claims.hear(claim)
        else:
            self.claims.release(claim)

    def _recognised(self, correlation_id: str) -> PredictionId | None:
        """The prediction that an event is about, if a gateway has minted its id."""
        prediction_id = self._ids.recognise_any(correlation_id)
        if prediction_id is None:
            log.warning("not our prediction", correlation_id=correlation_id)
        return prediction_id
