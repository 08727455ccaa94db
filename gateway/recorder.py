"""What an event of the reply stream means to this gateway. No I/O."""

import time
from collections.abc import Callable
from typing import Final

import structlog

from common.messages import Message, MessageType, final_reply
from common.topology import REPLIES
from common.tracing import Tracer
from gateway.prediction_id import PredictionId, PredictionIds
from gateway.results import Results
from gateway.watch import Watch

NOT_FINAL: Final = frozenset({MessageType.STARTED, MessageType.PROGRESS})
"""Events of predictions that go on."""

log = structlog.get_logger()


class Recorder:
    """Records final states in ``results`` and wakes those who ``watch`` for them."""

    def __init__(self, ids: PredictionIds, results: Results, watch: Watch) -> None:
        self._ids = ids
        self.results = results
        self.watch = watch

    def record(self, message: Message, offset: int) -> None:
        """Take note of an event that stands at ``offset``; of one ending, only the first counts."""
        reply = final_reply(message)
        if reply is None:
            if message.type not in NOT_FINAL:
                log.warning("not a final state", type=message.type, offset=offset)
            return
        prediction_id = self._recognised(message.correlation_id)
        if prediction_id is not None and self.results.record(prediction_id, reply, offset):
            self.watch.settle(prediction_id)

    def begin_again(self) -> None:
        """What comes next is another stream, from its beginning."""
        self.results.lose_offsets()

    def _recognised(self, correlation_id: str) -> PredictionId | None:
        """The prediction that an event is about, if it can still be asked for."""
        prediction_id = self._ids.recognise_any(correlation_id)
        if prediction_id is None:
            log.warning("not our prediction", correlation_id=correlation_id)
            return None
        return prediction_id if self._ids.is_alive(prediction_id) else None


class TracedRecorder(Recorder):
    """Tells a ``tracer`` of each ending too, while ``is_live``: a replay tells nothing new."""

    def __init__(
        self,
        ids: PredictionIds,
        results: Results,
        watch: Watch,
        tracer: Tracer,
        is_live: Callable[[], bool],
    ) -> None:
        super().__init__(ids, results, watch)
        self._tracer = tracer
        self._is_live = is_live

    def record(self, message: Message, offset: int) -> None:
        """See ``Recorder``."""
        if "traceparent" in message.headers and self._is_live() and final_reply(message):
            self._tracer.delivered(message, REPLIES, time.time()).end()
        super().record(message, offset)
