"""The use cases of accepted predictions: look up, wait, cancel. No HTTP and no AMQP words."""

import asyncio
from typing import Final

import msgspec

from common.contract.messages import CANCELLED, Reply
from common.contract.progress import Progress
from common.errors import (
    AlreadyFinal,
    DeadlineExceeded,
    PredictionError,
    Unavailable,
    UnknownPrediction,
)
from common.telemetry.correlation import correlate
from gateway.call_context import add_log_fields, set_timing
from gateway.countdown import countdown
from gateway.prediction_id import NO_OWNER, PredictionId, PredictionIds, spell
from gateway.reply_stream.reply_stream import ReplyStream
from gateway.request_reply.final_states import FinalStates

FIND_S: Final = 0.5
"""Time in which a result can still be read after a call's own time is over."""


class Found(msgspec.Struct, frozen=True):
    """A prediction that was looked up.

    ``result`` is the JSON of input and result. If the prediction is not finished, ``result`` is
    None, and ``progress`` is the last progress that was reported, if any.
    """

    prediction_id: PredictionId
    result: bytes | None
    progress: Progress | None = None


class PredictionLookup:
    """The final states of predictions, as results or errors.

    No caller waits longer than ``longest_wait_s``. Every failure is a ``PredictionError``.
    """

    def __init__(
        self,
        ids: PredictionIds,
        stream: ReplyStream,
        final_states: FinalStates,
        longest_wait_s: float,
    ) -> None:
        self.longest_wait_s = longest_wait_s
        self._ids = ids
        self._stream = stream
        self._final_states = final_states

    async def look_up(self, text: str, wait_s: float = 0, *, owner: str = NO_OWNER) -> Found:
        """Look up the prediction whose id is ``text``.

        Waits for its final state at most ``wait_s`` and at most ``longest_wait_s`` seconds, and no
        longer once this gateway shuts down.

        Raises:
            UnknownPrediction: the id was not minted for ``owner``, or its life is over.
            PredictionError: the prediction failed; a sync call would have raised the same.
        """
        prediction_id = self.recognise(text, owner)
        if wait_s > 0:
            await self._wait(prediction_id, wait_s)
        result = _result(await self._stream.store.find(prediction_id))
        if result is not None:
            return Found(prediction_id, result)
        return Found(prediction_id, None, self._stream.live_events.last_progress(prediction_id))

    async def result(self, prediction_id: PredictionId, timeout_s: float) -> bytes:
        """Wait for an accepted prediction; return the JSON of its input and result.

        Raises:
            DeadlineExceeded: the prediction has not ended within ``timeout_s`` seconds; it goes on.
            PredictionError: the prediction failed, or its final state cannot be read now.
        """
        left_s = countdown(timeout_s)
        await self._stream.waiters.wait(prediction_id, timeout_s)
        try:
            async with asyncio.timeout(max(left_s(), FIND_S)):
                found = await self._stream.store.find(prediction_id)
        except TimeoutError:
            found = None
        result = _result(found)
        if result is None:
            raise DeadlineExceeded("The prediction goes on; ask again with its Idempotency-Key.")
        return result

    async def wait(self, prediction_id: PredictionId, wait_s: float) -> bytes | None:
        """Wait for a prediction that was just accepted; return the JSON of its input and result.

        Waits as long as ``look_up`` would. Returns None if the prediction has not ended, or its
        final state cannot be read now: the caller can look it up later.

        Raises:
            PredictionError: the prediction failed.
        """
        await self._wait(prediction_id, wait_s)
        try:
            found = await self._stream.store.find(prediction_id)
        except (Unavailable, UnknownPrediction):
            return None
        return _result(found)

    async def cancel(self, text: str, *, owner: str = NO_OWNER) -> None:
        """Cancel a prediction; return once *cancelled* is its final state.

        Raises:
            UnknownPrediction: the id was not minted for ``owner``, or its life is over.
            AlreadyFinal: the prediction has another final state.
            Unavailable: the final state is not known within ``longest_wait_s`` seconds; the
                prediction may be cancelled or not.
        """
        prediction_id = self.recognise(text, owner)
        final = await self._stream.store.find(prediction_id)
        if final is None:
            final = await self._publish_cancelled(prediction_id)
        if final.type != CANCELLED.type:
            raise AlreadyFinal(spell(prediction_id), _outcome(final))
        self._final_states.notify_predictors(spell(prediction_id))
        add_log_fields(state="cancelled")

    async def _publish_cancelled(self, prediction_id: PredictionId) -> Reply:
        """Publish the final state *cancelled*; return the first one, which may be another."""
        left_s = countdown(self.longest_wait_s)
        await self._final_states.publish(spell(prediction_id), CANCELLED, left_s())
        await self._stream.waiters.wait(prediction_id, left_s())
        final = await self._stream.store.find(prediction_id)
        if final is None:
            raise Unavailable("It is not known yet how the prediction ended; try again.")
        return final

    def recognise(self, text: str, owner: str = NO_OWNER) -> PredictionId:
        """Return the id that ``text`` spells; make it the correlation id of the current call.

        Raises:
            UnknownPrediction: the id was not minted for ``owner``, or its life is over.
        """
        prediction_id = self._ids.recognise(text, owner)
        if prediction_id is None or not self._ids.is_alive(prediction_id):
            raise UnknownPrediction
        correlate(spell(prediction_id))
        return prediction_id

    async def _wait(self, prediction_id: PredictionId, wait_s: float) -> None:
        wait_s = min(wait_s, self.longest_wait_s)
        await self._stream.waiters.wait(prediction_id, wait_s, interruptible=True)


def _result(found: Reply | None) -> bytes | None:
    if found is None:
        add_log_fields(state="pending")
        return None
    set_timing(found.timing, requested_by_call=False)
    result = found.result()
    add_log_fields(state="succeeded")
    return result


def _outcome(final: Reply) -> bytes | PredictionError:
    try:
        return final.result()
    except PredictionError as exc:
        return exc
