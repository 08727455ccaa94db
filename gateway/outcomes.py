"""The use cases of those who come back: look up, wait. No HTTP and no AMQP words."""

from typing import Protocol

from common.errors import UnknownPrediction
from common.messages import Reply
from gateway.prediction_id import PredictionId, PredictionIds, spell
from gateway.server_timing import note_timing


class Archive(Protocol):
    """Final states by prediction id."""

    async def find(self, prediction_id: PredictionId) -> Reply | None: ...


class Watch(Protocol):
    """Tells when a prediction ends."""

    async def final(
        self, prediction_id: PredictionId, timeout_s: float, *, interruptible: bool = False
    ) -> None: ...
    def interrupt(self) -> None: ...


class Outcomes:
    """How predictions ended; every failure is a ``PredictionError``."""

    def __init__(self, ids: PredictionIds, archive: Archive, watch: Watch) -> None:
        self._ids = ids
        self._archive = archive
        self._watch = watch

    async def look_up(self, text: str, wait_s: float = 0) -> tuple[str, bytes | None]:
        """The id as we spell it, and the JSON of input and result; None: still processing.

        Waits for the end at most ``wait_s`` seconds, less when this gateway is to end.

        Raises:
            UnknownPrediction: no id of ours, or its life is over.
            PredictionError: the prediction failed; what the sync call would have raised.
        """
        prediction_id = self._recognised(text)
        if wait_s > 0:
            await self._watch.final(prediction_id, wait_s, interruptible=True)
        found = await self._archive.find(prediction_id)
        if found is None:
            return spell(prediction_id), None
        note_timing(found.timing)
        return spell(prediction_id), found.result()

    def stop_waiting(self) -> None:
        """Answer those who wait, now and from now on."""
        self._watch.interrupt()

    def _recognised(self, text: str) -> PredictionId:
        prediction_id = self._ids.recognise(text)
        if prediction_id is None or not self._ids.is_alive(prediction_id):
            raise UnknownPrediction
        return prediction_id
