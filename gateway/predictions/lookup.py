"""The use cases of callers who come back: look up, wait, cancel. No HTTP and no AMQP words."""

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
"""How long a result may take to be found after a call's time is over."""


class Found(msgspec.Struct, frozen=True):
    """A prediction that was looked up.

    ``result`` is the JSON of input and result; None: it is not finished, and ``progress`` is the
    last that its predictor reported, if any.
    """

    prediction_id: PredictionId
    result: bytes | None
    progress: Progress | None = None


class PredictionLookup:
    """Final states of predictions, as results or errors; no caller waits over ``longest_wait_s``.

    Every failure is a ``PredictionError``.
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
        """Find out how the prediction ended whose id is ``text``.

        Waits for the end at most ``wait_s`` seconds, at most ``longest_wait_s``, and no longer once
        this gateway shuts down.

        Raises:
            UnknownPrediction: no id of ours, another's than ``owner``'s, or its life is over.
            PredictionError: the prediction failed; what the sync call would have raised.
        """
        prediction_id = self.recognise(text, owner)
        if wait_s > 0:
            await self._wait(prediction_id, wait_s)
        result = _result(await self._stream.store.find(prediction_id))
        if result is not None:
            return Found(prediction_id, result)
        return Found(prediction_id, None, self._stream.live_events.last_progress(prediction_id))

    async def result(self, prediction_id: PredictionId, timeout_s: float) -> bytes:
        """The JSON of input and result of what was accepted for a caller who waits for it.

        Raises:
            DeadlineExceeded: it has not ended within ``timeout_s`` seconds; it goes on.
            PredictionError: it failed, or its end cannot be read now.
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
        """The JSON of input and result of what was just accepted, if it ends in ``wait_s`` seconds.

        Waits as long as ``look_up``. None: it has not ended, or its end cannot be read now; a
        caller with the id can come back.

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
        """Cancel a prediction that is not over; returns once that is its final state.

        Raises:
            UnknownPrediction: no id of ours, another's than ``owner``'s, or its life is over.
            AlreadyFinal: it ended otherwise.
            Unavailable: its final state is not known within ``longest_wait_s`` seconds; it may be
                cancelled or not.
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
        """Publish that a prediction is cancelled; returns its final state, which may be another."""
        left_s = countdown(self.longest_wait_s)
        await self._final_states.publish(spell(prediction_id), CANCELLED, left_s())
        await self._stream.waiters.wait(prediction_id, left_s())
        final = await self._stream.store.find(prediction_id)
        if final is None:
            raise Unavailable("It is not known yet how the prediction ended; try again.")
        return final

    def recognise(self, text: str, owner: str = NO_OWNER) -> PredictionId:
        """The id that ``text`` spells; the correlation id of the current call from now on.

        Raises:
            UnknownPrediction: no id of ours, another's than ``owner``'s, or its life is over.
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
