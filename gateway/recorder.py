"""What an event of the reply stream means to this gateway. No I/O."""

from typing import Final

import structlog

from common.claim import ClaimBody
from common.errors import MalformedRequest
from common.messages import Message, MessageType, final_reply
from gateway.claims import Claim, Claims
from gateway.prediction_id import PredictionId, PredictionIds
from gateway.results import Results
from gateway.watch import Watch

NOT_FINAL: Final = frozenset({MessageType.ACCEPTED, MessageType.STARTED, MessageType.PROGRESS})
"""Events of predictions that go on."""

log = structlog.get_logger()


class Recorder:
    """Records final states in ``results`` and wakes those who ``watch`` for them.

    What becomes of idempotency keys goes to ``claims``.
    """

    def __init__(self, ids: PredictionIds, results: Results, watch: Watch, claims: Claims) -> None:
        self._ids = ids
        self.results = results
        self.watch = watch
        self._claims = claims

    def record(self, message: Message, offset: int) -> None:
        """Take note of an event that stands at ``offset``; of one ending, only the first counts."""
        if message.type == MessageType.CLAIM:
            self._hear(message)
            return
        reply = final_reply(message)
        if reply is None and message.type not in NOT_FINAL:
            log.warning("not a final state", type=message.type, offset=offset)
            return
        prediction_id = self._recognised(message.correlation_id)
        if prediction_id is None or not self._ids.is_alive(prediction_id):
            return
        self._claims.accept(prediction_id)
        if reply is not None and self.results.record(prediction_id, reply, offset):
            self.watch.settle(prediction_id)

    def begin_again(self) -> None:
        """What comes next is another stream, from its beginning."""
        self.results.lose_offsets()
        self._claims.forget()

    def _hear(self, message: Message) -> None:
        """Take note of a claim, also of one that is over: that is not for our clock to say."""
        prediction_id = self._recognised(message.correlation_id)
        if prediction_id is None:
            return
        try:
            body = ClaimBody.from_message(message)
        except MalformedRequest as exc:
            log.warning("not a claim", reason=exc.sentence)
            return
        key, request = bytes.fromhex(body.key), bytes.fromhex(body.request)
        self._claims.hear(Claim(key, request, prediction_id))

    def _recognised(self, correlation_id: str) -> PredictionId | None:
        """The prediction that an event is about, if a gateway has minted its id."""
        prediction_id = self._ids.recognise_any(correlation_id)
        if prediction_id is None:
            log.warning("not our prediction", correlation_id=correlation_id)
        return prediction_id
