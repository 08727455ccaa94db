"""The front door of this folder: all use cases of a caller. No HTTP and no AMQP words."""

from collections.abc import AsyncIterator, Awaitable

from gateway.prediction_id import NO_OWNER, PredictionId, PredictionIds
from gateway.predictions.accept import Accept
from gateway.predictions.availability import Availability
from gateway.predictions.call import Call
from gateway.predictions.deadlines import Deadlines
from gateway.predictions.follow import Follow, StreamItem
from gateway.predictions.idempotency import IdempotentReceiver
from gateway.predictions.intake import Intake
from gateway.predictions.lookup import Found, PredictionLookup
from gateway.predictions.predict import Predict
from gateway.predictions.predict_once import PredictOnce
from gateway.registry.registry import PredictorRegistry
from gateway.reply_stream.reply_stream import ReplyStream
from gateway.request_reply.final_states import FinalStates
from gateway.request_reply.requestor import Requestor
from gateway.settings import GatewaySettings


class Predictions:
    """The use cases; every failure is a ``PredictionError``.

    No caller waits longer than ``longest_wait_s`` seconds.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        ids: PredictionIds,
        registry: PredictorRegistry,
        requestor: Requestor,
        stream: ReplyStream,
    ) -> None:
        self.longest_wait_s = settings.sync_timeout_s
        self.intake = Intake(settings, ids, registry)
        self._final_states = FinalStates(requestor, ids.now_s)
        self.deadlines = Deadlines(stream, self._final_states, settings.owners)
        self._stream = stream
        self._lookup = PredictionLookup(ids, stream, self._final_states, self.longest_wait_s)
        self._follow = Follow(stream, ids.is_alive)
        availability = Availability(registry, requestor, settings.default_model)
        self._accept = Accept(settings, self.intake, availability, requestor, self.deadlines)
        self._predict = Predict(
            self.intake,
            availability,
            requestor,
            self._final_states.notify_predictors,
            self.longest_wait_s,
        )
        receiver = IdempotentReceiver(stream, requestor, ids.now_s)
        self._once = PredictOnce(self.intake, availability, receiver, self._accept, self._lookup)

    @property
    def is_draining(self) -> bool:
        """Tell whether new calls are refused, since this gateway shuts down."""
        return self.intake.draining

    def predict(self, call: Call) -> Awaitable[bytes]:
        """Predict now: see ``Predict.predict``, and ``PredictOnce.predict`` with a key."""
        return (self._predict if call.idempotency_key is None else self._once).predict(call)

    def accept(self, call: Call) -> Awaitable[PredictionId]:
        """Accept for later: see ``Accept.accept``, and ``PredictOnce.accept`` with a key."""
        return (self._accept if call.idempotency_key is None else self._once).accept(call)

    def wait(self, prediction_id: PredictionId, wait_s: float) -> Awaitable[bytes | None]:
        """Wait for a prediction that was just accepted: see ``PredictionLookup.wait``."""
        return self._lookup.wait(prediction_id, wait_s)

    def look_up(self, text: str, wait_s: float = 0, *, owner: str = NO_OWNER) -> Awaitable[Found]:
        """Look up a prediction: see ``PredictionLookup.look_up``."""
        return self._lookup.look_up(text, wait_s, owner=owner)

    def cancel(self, text: str, *, owner: str = NO_OWNER) -> Awaitable[None]:
        """Cancel a prediction: see ``PredictionLookup.cancel``."""
        return self._lookup.cancel(text, owner=owner)

    def recognise(self, text: str, owner: str = NO_OWNER) -> PredictionId:
        """Return the id that ``text`` spells: see ``PredictionLookup.recognise``."""
        return self._lookup.recognise(text, owner)

    def follow(
        self, prediction_id: PredictionId, after: int | None
    ) -> AsyncIterator[StreamItem] | None:
        """Follow a prediction after offset ``after`` of the reply stream: see ``Follow.follow``.

        None: the event at that offset is the final one.
        """
        if self._follow.has_ended_at(prediction_id, after):
            return None
        return self._follow.follow(prediction_id, after)

    async def run(self) -> None:
        """Publish the notifications to the predictors, until cancelled."""
        await self._final_states.run()

    def stop_accepting(self) -> None:
        """Refuse new calls, end the waits for async results, and end all followers."""
        self.intake.draining = True
        self.interrupt()

    def interrupt(self) -> None:
        """End the waits for async results, and end all followers: now and from now on."""
        self._stream.waiters.interrupt()
        self._stream.live_events.interrupt()

    def close(self) -> None:
        """Drop all deadlines."""
        self.deadlines.close()
