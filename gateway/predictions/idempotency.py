"""One prediction for each idempotency key, whichever gateways receive the key, and when.

"Idempotent Receiver" in Hohpe and Woolf, Enterprise Integration Patterns, 2003. A key is claimed in
the reply stream before its request is submitted, and the first claim there owns the key; when the
request is confirmed, an *accepted* event follows. If that event is missing, because the gateway
died or the queue was full, the next gateway that receives the key submits the request under the id
of the claim.
"""

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol, Self

from common.contract.claim import DIGEST_BYTES, ClaimBody, accepted_message
from common.errors import IdempotencyConflict, Unavailable, UnknownModel
from common.telemetry.correlation import correlate
from gateway.countdown import Countdown, countdown
from gateway.prediction_id import PredictionId, minted_ms, spell
from gateway.reply_stream.idempotency_claims import Claim
from gateway.reply_stream.reply_stream import ReplyStream
from gateway.request_reply.order import Order
from gateway.request_reply.requestor import Requestor

PATIENCE_S: Final = 5.0
"""Time that the gateway of a claim has to submit the request, before another gateway does."""


class Submit(Protocol):
    """The submission of an order whose id is ``age_s`` seconds old; returns once confirmed."""

    async def __call__(self, order: Order, *, age_s: float, timeout_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """The digests of a key and of its request, which tell a repetition from a conflict."""

    key: bytes
    request: bytes

    @classmethod
    def from_order(cls, owner: str, key: str, order: Order) -> Self:
        """Digest an owner's key, and the model and body of its order, byte for byte."""
        return cls(_digest(owner, key.encode()), _digest(order.model, order.body))


class _Acceptance:
    """An acceptance under way, and the number of callers that wait for it."""

    def __init__(self, task: asyncio.Task[PredictionId]) -> None:
        self.task = task
        self.callers = 0


class IdempotentReceiver:
    """The acceptance of predictions, once for each key. ``now_s`` is Unix time."""

    def __init__(
        self, stream: ReplyStream, requestor: Requestor, now_s: Callable[[], float]
    ) -> None:
        self._stream = stream
        self._claims = stream.claims
        self._requestor = requestor
        self._now_s = now_s
        self._under_way: dict[KeyedRequest, _Acceptance] = {}

    def knows(self, keyed: KeyedRequest, order: Order) -> bool:
        """Return whether a key has a prediction before ``order``, as far as this gateway knows."""
        return self._claims.find(keyed.key, order.prediction_id) is not None

    async def accept(
        self, keyed: KeyedRequest, order: Order, submit: Submit, timeout_s: float
    ) -> PredictionId:
        """Return the prediction of a key, or of ``order`` if it has none, once it is accepted.

        Simultaneous callers share one acceptance, which goes on until the last of them leaves.

        Raises:
            IdempotencyConflict: the key stands for another request.
            PredictionError: the prediction was not accepted within ``timeout_s`` seconds; a retry
                may succeed.
        """
        acceptance = self._under_way.get(keyed)
        if acceptance is None:
            accepting = self._accept(keyed, order, submit, countdown(timeout_s))
            acceptance = _Acceptance(asyncio.create_task(accepting))
            self._under_way[keyed] = acceptance
        acceptance.callers += 1
        try:
            prediction_id = await asyncio.shield(acceptance.task)
        finally:
            acceptance.callers -= 1
            if not acceptance.callers:
                del self._under_way[keyed]
                acceptance.task.cancel()
        correlate(spell(prediction_id))
        return prediction_id

    async def _accept(
        self,
        keyed: KeyedRequest,
        order: Order,
        submit: Submit,
        left_s: Countdown,
    ) -> PredictionId:
        while not (claim := self._claims.find(keyed.key, order.prediction_id)):
            await self._claim(keyed, order, left_s)
        if claim.request != keyed.request:
            raise IdempotencyConflict
        if claim.prediction_id != order.prediction_id:
            order = order.with_id(claim.prediction_id)
            await self._wait_for_owner(claim, left_s)
        if not self._claims.is_accepted(claim):
            age_s = max(0.0, self._now_s() - minted_ms(claim.prediction_id) / 1000)
            try:
                await submit(order, age_s=age_s, timeout_s=left_s())
            except UnknownModel:
                await self._release(claim, left_s)
                raise
            accepted = accepted_message(order.correlation_id, int(self._now_s()))
            await self._requestor.publish_event(accepted, left_s())
            await self._claims.until_accepted(claim, left_s())
            if not self._claims.is_accepted(claim):
                raise Unavailable("The Idempotency-Key could not be kept in time; try again.")
        return claim.prediction_id

    async def _claim(self, keyed: KeyedRequest, order: Order, left_s: Countdown) -> None:
        """Claim a key; return once its owner is known: the first claim in the stream."""
        if not left_s():
            raise Unavailable("The Idempotency-Key could not be claimed in time; try again later.")
        claim = ClaimBody(keyed.key.hex(), keyed.request.hex())
        message = claim.to_message(order.correlation_id, int(self._now_s()))
        decided = asyncio.create_task(
            self._claims.until_decided(keyed.key, order.prediction_id, left_s())
        )
        try:  # the claim may be read, and released again, before its confirm arrives
            await asyncio.gather(decided, self._requestor.publish_event(message, left_s()))
        finally:
            decided.cancel()

    async def _release(self, claim: Claim, left_s: Countdown) -> None:
        """Release the key of a request without a queue; if that fails, the claim expires."""
        body = ClaimBody(claim.key.hex(), claim.request.hex())
        released = body.released(spell(claim.prediction_id), int(self._now_s()))
        with suppress(Unavailable):
            await self._requestor.publish_event(released, left_s())
            await self._claims.until_accepted(claim, left_s())

    async def _wait_for_owner(self, claim: Claim, left_s: Countdown) -> None:
        """Wait until the gateway of a claim has accepted its request, or ``PATIENCE_S`` is over.

        Raises:
            Unavailable: the claim was released; or its request is not accepted, and ``left_s`` is
                over or this gateway has not caught up.
        """
        patience_s = PATIENCE_S - self._claims.unaccepted_for_s(claim)
        await self._claims.until_accepted(claim, min(patience_s, left_s()))
        if not self._claims.owns(claim):
            raise Unavailable("The first call with this Idempotency-Key was refused; try again.")
        if not self._claims.is_accepted(claim) and not (left_s() and self._stream.has_caught_up()):
            raise Unavailable("The first call with this Idempotency-Key is not accepted yet.")


def _digest(name: str, content: bytes) -> bytes:
    digest = hashlib.blake2b(name.encode(), digest_size=DIGEST_BYTES)
    digest.update(b"\0")  # no name contains one
    digest.update(content)
    return digest.digest()
