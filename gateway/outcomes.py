"""The use cases of those who come back: look up, wait. No HTTP and no AMQP words."""

from typing import Protocol

from common.correlation import correlate
from common.errors import Unavailable, UnknownPrediction
from common.messages import Reply
from gateway.facts import note
from gateway.prediction_id import NOBODY, PredictionId, PredictionIds, spell
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

    def __init__(
        self, ids: PredictionIds, archive: Archive, watch: Watch, longest_wait_s: float
    ) -> None:
        self.longest_wait_s = longest_wait_s
        """How long anyone may wait at most, in seconds."""
        self._ids = ids
        self._archive = archive
        self._watch = watch

    async def look_up(
        self, text: str, wait_s: float = 0, *, owner: str = NOBODY
    ) -> tuple[str, bytes | None]:
        """The id as we spell it, and the JSON of input and result; None: still processing.

        Waits for the end at most ``wait_s`` seconds, at most ``longest_wait_s``, and no longer when
        this gateway is to end.

        Raises:
            UnknownPrediction: no id of ours, another's than ``owner``'s, or its life is over.
            PredictionError: the prediction failed; what the sync call would have raised.
        """
        prediction_id = self._recognised(text, owner)
        if wait_s > 0:
            await self._ended(prediction_id, wait_s)
        return spell(prediction_id), _told(await self._archive.find(prediction_id))

    async def wait(self, accepted: str, wait_s: float, *, owner: str = NOBODY) -> bytes | None:
        """The JSON of input and result of what was just accepted, if it ends in ``wait_s`` seconds.

        As long as ``look_up`` waits. None: it has not ended, or it cannot be told now; whoever has
        the id can come back.

        Raises:
            PredictionError: the prediction failed.
        """
        prediction_id = self._recognised(accepted, owner)
        await self._ended(prediction_id, wait_s)
        try:
            found = await self._archive.find(prediction_id)
        except (Unavailable, UnknownPrediction):
            return None
        return _told(found)

    def stop_waiting(self) -> None:
        """Answer those who wait, now and from now on."""
        self._watch.interrupt()

    async def _ended(self, prediction_id: PredictionId, wait_s: float) -> None:
        wait_s = min(wait_s, self.longest_wait_s)
        await self._watch.final(prediction_id, wait_s, interruptible=True)

    def _recognised(self, text: str, owner: str) -> PredictionId:
        prediction_id = self._ids.recognise(text, owner)
        if prediction_id is None or not self._ids.is_alive(prediction_id):
            raise UnknownPrediction
        correlate(spell(prediction_id))
        return prediction_id


def _told(found: Reply | None) -> bytes | None:
    if found is None:
        note(state="pending")
        return None
    note_timing(found.timing)
    result = found.result()
    note(state="succeeded")
    return result
