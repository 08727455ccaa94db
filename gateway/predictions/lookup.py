"""The use cases of those who come back: look up, wait, cancel. No HTTP and no AMQP words."""

import asyncio
from typing import Final, Protocol

from common.contract.messages import CANCELLED, Reply
from common.errors import (
    AlreadyFinal,
    DeadlineExceeded,
    PredictionError,
    Unavailable,
    UnknownPrediction,
)
from common.telemetry.correlation import correlate
from gateway.call_context import add_log_fields
from gateway.countdown import countdown
from gateway.prediction_id import NOBODY, PredictionId, PredictionIds, spell
from gateway.web.server_timing import note_timing

FIND_S: Final = 0.5
"""How long a result may take to be found after a call's time is over."""


class Archive(Protocol):
    """Final states by prediction id."""

    async def find(self, prediction_id: PredictionId) -> Reply | None: ...


class Watch(Protocol):
    """Tells when a prediction ends."""

    async def until_final(
        self, prediction_id: PredictionId, timeout_s: float, *, interruptible: bool = False
    ) -> None: ...
    def interrupt(self) -> None: ...


class Endings(Protocol):
    """Says final states of our own."""

    async def say(self, correlation_id: str, final: Reply, timeout_s: float) -> None: ...
    def tell_predictors(self, correlation_id: str) -> None: ...


class PredictionLookup:
    """How predictions ended; every failure is a ``PredictionError``."""

    def __init__(
        self,
        ids: PredictionIds,
        archive: Archive,
        watch: Watch,
        endings: Endings,
        longest_wait_s: float,
    ) -> None:
        self.longest_wait_s = longest_wait_s
        """How long anyone may wait at most, in seconds."""
        self._ids = ids
        self._archive = archive
        self._watch = watch
        self._endings = endings

    async def look_up(
        self, text: str, wait_s: float = 0, *, owner: str = NOBODY
    ) -> tuple[PredictionId, bytes | None]:
        """The id that ``text`` spells, and the JSON of input and result; None: still processing.

        Waits for the end at most ``wait_s`` seconds, at most ``longest_wait_s``, and no longer when
        this gateway is to end.

        Raises:
            UnknownPrediction: no id of ours, another's than ``owner``'s, or its life is over.
            PredictionError: the prediction failed; what the sync call would have raised.
        """
        prediction_id = self.recognised(text, owner)
        if wait_s > 0:
            await self._ended(prediction_id, wait_s)
        found = await self._archive.find(prediction_id)
        return prediction_id, _told(found)

    async def result(self, prediction_id: PredictionId, timeout_s: float) -> bytes:
        """The JSON of input and result of what was accepted for a caller who waits for it.

        Raises:
            DeadlineExceeded: it has not ended within ``timeout_s`` seconds; it goes on.
            PredictionError: it failed, or nobody can tell now.
        """
        left_s = countdown(timeout_s)
        await self._watch.until_final(prediction_id, timeout_s)
        try:
            async with asyncio.timeout(max(left_s(), FIND_S)):
                found = await self._archive.find(prediction_id)
        except TimeoutError:
            found = None
        told = _told(found)
        if told is None:
            raise DeadlineExceeded("The prediction goes on; ask again with its Idempotency-Key.")
        return told

    async def wait(self, prediction_id: PredictionId, wait_s: float) -> bytes | None:
        """The JSON of input and result of what was just accepted, if it ends in ``wait_s`` seconds.

        As long as ``look_up`` waits. None: it has not ended, or it cannot be told now; whoever has
        the id can come back.

        Raises:
            PredictionError: the prediction failed.
        """
        await self._ended(prediction_id, wait_s)
        try:
            found = await self._archive.find(prediction_id)
        except (Unavailable, UnknownPrediction):
            return None
        return _told(found)

    async def cancel(self, text: str, *, owner: str = NOBODY) -> None:
        """Cancel a prediction that is not over; returns once that is its final state.

        Raises:
            UnknownPrediction: no id of ours, another's than ``owner``'s, or its life is over.
            AlreadyFinal: it ended otherwise.
            Unavailable: its final state is not known within ``longest_wait_s`` seconds; it may be
                cancelled or not.
        """
        prediction_id = self.recognised(text, owner)
        final = await self._archive.find(prediction_id) or await self._cancelled(prediction_id)
        if final.type != CANCELLED.type:
            raise AlreadyFinal(spell(prediction_id), _outcome(final))
        self._endings.tell_predictors(spell(prediction_id))
        add_log_fields(state="cancelled")

    async def _cancelled(self, prediction_id: PredictionId) -> Reply:
        """Say that a prediction is cancelled; returns its final state, which may be another."""
        left_s = countdown(self.longest_wait_s)
        await self._endings.say(spell(prediction_id), CANCELLED, left_s())
        await self._watch.until_final(prediction_id, left_s())
        final = await self._archive.find(prediction_id)
        if final is None:
            raise Unavailable("It is not known yet how the prediction ended; try again.")
        return final

    def stop_waiting(self) -> None:
        """Answer those who wait, now and from now on."""
        self._watch.interrupt()

    def recognised(self, text: str, owner: str = NOBODY) -> PredictionId:
        """The id that ``text`` spells; the call under way goes by it from now on.

        Raises:
            UnknownPrediction: no id of ours, another's than ``owner``'s, or its life is over.
        """
        prediction_id = self._ids.recognise(text, owner)
        if prediction_id is None or not self._ids.is_alive(prediction_id):
            raise UnknownPrediction
        correlate(spell(prediction_id))
        return prediction_id

    async def _ended(self, prediction_id: PredictionId, wait_s: float) -> None:
        wait_s = min(wait_s, self.longest_wait_s)
        await self._watch.until_final(prediction_id, wait_s, interruptible=True)


def _told(found: Reply | None) -> bytes | None:
    if found is None:
        add_log_fields(state="pending")
        return None
    note_timing(found.timing, is_of_call=False)
    result = found.result()
    add_log_fields(state="succeeded")
    return result


def _outcome(final: Reply) -> bytes | PredictionError:
    try:
        return final.result()
    except PredictionError as exc:
        return exc
