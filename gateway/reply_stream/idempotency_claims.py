"""The table of idempotency claims: the prediction of each key, by the reply stream. No I/O.

Every decision follows from the stream alone, from the order of the claims and the times in their
ids, so that all gateways agree. A gateway's own clock only decides when a claim is removed from the
table.
"""

from collections import deque
from collections.abc import Callable

import msgspec

from common.contract.topology import CLOCK_SKEW_S
from gateway.prediction_id import PredictionId, minted_ms
from gateway.reply_stream.waiters import Waiters


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A claim: the digests of a key and of its request, and the prediction they stand for."""

    key: bytes
    request: bytes
    prediction_id: PredictionId


class IdempotencyClaims:
    """Key → the first claim of it in the stream.

    A claim lasts for ``life_s`` seconds from its id's time, as the prediction does. A claim whose
    request is not accepted lasts for ``unaccepted_life_s``; a later claim then takes its place.
    ``now_s`` is Unix time.
    """

    def __init__(self, life_s: float, unaccepted_life_s: float, now_s: Callable[[], float]) -> None:
        self._life_ms = life_s * 1000
        self._unaccepted_life_ms = unaccepted_life_s * 1000
        self._now_s = now_s
        self._claims: dict[bytes, Claim] = {}
        self._in_order: deque[Claim] = deque()
        self._read_s: dict[PredictionId, float] = {}
        """Time at which each claim was read, for predictions that are not accepted yet."""
        self._waiters = Waiters(lambda _: False)

    def __len__(self) -> int:
        return len(self._claims)

    def find(self, key: bytes, prediction_id: PredictionId) -> Claim | None:
        """Return the claim that owns a key; None if a claim for ``prediction_id`` would own it."""
        claim = self._claims.get(key)
        return (
            None if claim is None or self._has_expired(claim, minted_ms(prediction_id)) else claim
        )

    def owns(self, claim: Claim) -> bool:
        """Return whether a claim still owns its key."""
        return self._claims.get(claim.key) is claim

    def is_accepted(self, claim: Claim) -> bool:
        """Return whether the request of a claim is known to have been confirmed."""
        return self.owns(claim) and claim.prediction_id not in self._read_s

    def unaccepted_for_s(self, claim: Claim) -> float:
        """Return the seconds since a claim was read; 0 if its prediction is accepted."""
        now_s = self._now_s()
        return max(0.0, now_s - self._read_s.get(claim.prediction_id, now_s))

    def add(self, claim: Claim) -> None:
        """Add a claim from the stream; it counts if its key was free at the time in its id."""
        self._forget_ended()
        if self.find(claim.key, claim.prediction_id) is None:
            self._claims[claim.key] = claim
            self._in_order.append(claim)
            self._read_s[claim.prediction_id] = self._now_s()
        self._waiters.wake(claim.prediction_id)

    def mark_accepted(self, prediction_id: PredictionId) -> None:
        """Mark a prediction as accepted: an event of it shows that its request was confirmed."""
        if self._read_s.pop(prediction_id, None) is not None:
            self._waiters.wake(prediction_id)

    def release(self, claim: Claim) -> None:
        """Release the key of a claim, unless its request is accepted."""
        owner = self._claims.get(claim.key)
        if owner == claim and self._read_s.pop(claim.prediction_id, None) is not None:
            del self._claims[claim.key]
        self._waiters.wake(claim.prediction_id)

    def forget(self) -> None:
        """Forget all claims: the stream is another one, which is not read yet."""
        self._claims.clear()
        self._in_order.clear()
        self._read_s.clear()

    async def until_decided(
        self, key: bytes, prediction_id: PredictionId, timeout_s: float
    ) -> None:
        """Wait until a key has an owner, at most ``timeout_s`` seconds.

        At the latest, the claim for ``prediction_id`` becomes the owner when it is read.
        """
        if self.find(key, prediction_id) is None:
            await self._waiters.wait(prediction_id, timeout_s)

    async def until_accepted(self, claim: Claim, timeout_s: float) -> None:
        """Wait until a claim is accepted or released, at most ``timeout_s`` seconds."""
        if self.owns(claim) and not self.is_accepted(claim):
            await self._waiters.wait(claim.prediction_id, timeout_s)

    def _has_expired(self, claim: Claim, at_ms: float) -> bool:
        is_accepted = claim.prediction_id not in self._read_s
        life_ms = self._life_ms if is_accepted else self._unaccepted_life_ms
        return at_ms >= minted_ms(claim.prediction_id) + life_ms

    def _forget_ended(self) -> None:
        """Forget claims that have expired by the clock of every gateway."""
        ended_ms = (self._now_s() - CLOCK_SKEW_S) * 1000 - self._life_ms
        while self._in_order and minted_ms(self._in_order[0].prediction_id) <= ended_ms:
            claim = self._in_order.popleft()
            self._read_s.pop(claim.prediction_id, None)
            if self._claims.get(claim.key) is claim:  # and not a later one
                del self._claims[claim.key]
