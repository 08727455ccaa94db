"""Which prediction each idempotency key stands for, as the reply stream says. No I/O.

All that decides comes from the stream, so that all gateways agree: the order of the claims, and
the times in the ids that they claim for. A gateway's own clock only says when to forget.
"""

from collections import deque
from collections.abc import Callable

import msgspec

from common.contract.topology import CLOCK_SKEW_S
from gateway.prediction_id import PredictionId, minted_ms
from gateway.reply_stream.waiters import Waiters


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A key's digest, the digest of the request it came with, and the prediction they stand for."""

    key: bytes
    request: bytes
    prediction_id: PredictionId


class IdempotencyClaims:
    """Key → the first claim of it in the stream.

    A claim lasts for ``life_s`` seconds from its id's time, as the prediction does. One that was
    never followed by a request lasts for ``unaccepted_life_s``: then a later one takes its place.
    ``now_s`` is Unix time.
    """

    def __init__(self, life_s: float, unaccepted_life_s: float, now_s: Callable[[], float]) -> None:
        self._life_ms = life_s * 1000
        self._unaccepted_life_ms = unaccepted_life_s * 1000
        self._now_s = now_s
        self._claims: dict[bytes, Claim] = {}
        self._in_order: deque[Claim] = deque()
        self._heard_s: dict[PredictionId, float] = {}
        """When each claim was read whose prediction is not accepted yet."""
        self._watch = Waiters(lambda _: False)

    def __len__(self) -> int:
        return len(self._claims)

    def find(self, key: bytes, prediction_id: PredictionId) -> Claim | None:
        """The claim that owns a key; None if one for ``prediction_id`` would, were it next."""
        claim = self._claims.get(key)
        return None if claim is None or self._is_over(claim, minted_ms(prediction_id)) else claim

    def owns(self, claim: Claim) -> bool:
        """Whether a claim that was found stands still."""
        return self._claims.get(claim.key) is claim

    def is_accepted(self, claim: Claim) -> bool:
        """Whether the request of a claim is known to have been confirmed."""
        return self.owns(claim) and claim.prediction_id not in self._heard_s

    def waits_for_s(self, claim: Claim) -> float:
        """How long ago a claim was read whose prediction is not accepted yet."""
        now_s = self._now_s()
        return max(0.0, now_s - self._heard_s.get(claim.prediction_id, now_s))

    def hear(self, claim: Claim) -> None:
        """Note a claim that the stream has; it counts if its key was free when it was made."""
        self._forget_ended()
        if self.find(claim.key, claim.prediction_id) is None:
            self._claims[claim.key] = claim
            self._in_order.append(claim)
            self._heard_s[claim.prediction_id] = self._now_s()
        self._watch.settle(claim.prediction_id)

    def note_accepted(self, prediction_id: PredictionId) -> None:
        """Note that the stream has an event of a prediction: its request was confirmed."""
        if self._heard_s.pop(prediction_id, None) is not None:
            self._watch.settle(prediction_id)

    def release(self, claim: Claim) -> None:
        """Note that a claim's request cannot be accepted: its key is free, unless it was."""
        owner = self._claims.get(claim.key)
        if owner == claim and self._heard_s.pop(claim.prediction_id, None) is not None:
            del self._claims[claim.key]
        self._watch.settle(claim.prediction_id)

    def forget(self) -> None:
        """The stream is another one, and what it has is yet to be read."""
        self._claims.clear()
        self._in_order.clear()
        self._heard_s.clear()

    async def until_decided(
        self, key: bytes, prediction_id: PredictionId, timeout_s: float
    ) -> None:
        """Wait until a key has an owner, at most ``timeout_s`` seconds.

        It has one when the claim for ``prediction_id``, which the stream has, is read.
        """
        if self.find(key, prediction_id) is None:
            await self._watch.until_final(prediction_id, timeout_s)

    async def until_accepted(self, claim: Claim, timeout_s: float) -> None:
        """Wait until a claim is followed up or released, at most ``timeout_s`` seconds."""
        if self.owns(claim) and not self.is_accepted(claim):
            await self._watch.until_final(claim.prediction_id, timeout_s)

    def _is_over(self, claim: Claim, at_ms: float) -> bool:
        is_accepted = claim.prediction_id not in self._heard_s
        life_ms = self._life_ms if is_accepted else self._unaccepted_life_ms
        return at_ms >= minted_ms(claim.prediction_id) + life_ms

    def _forget_ended(self) -> None:
        """Forget what no gateway can take for the owner of its key any more."""
        ended_ms = (self._now_s() - CLOCK_SKEW_S) * 1000 - self._life_ms
        while self._in_order and minted_ms(self._in_order[0].prediction_id) <= ended_ms:
            claim = self._in_order.popleft()
            self._heard_s.pop(claim.prediction_id, None)
            if self._claims.get(claim.key) is claim:  # else another one has taken its place
                del self._claims[claim.key]
