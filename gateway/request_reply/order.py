"""An order: all of a request but its return address and its time. No I/O."""

import math
from collections.abc import Mapping
from typing import Self

import msgspec

from common.contract.messages import Message, MessageType
from gateway.prediction_id import PredictionId, spell


class Order(msgspec.Struct, frozen=True):
    """One prediction to request; ``correlation_id`` is ``prediction_id`` as messages spell it.

    ``headers`` are those of the request: its trace context. ``has_predictor``: a live predictor was
    known to serve ``model`` when the order was checked.
    """

    prediction_id: PredictionId
    correlation_id: str
    model: str
    body: bytes
    headers: Mapping[str, str] = {}
    has_predictor: bool = False

    def with_id(self, prediction_id: PredictionId) -> Self:
        """Return the same order with another id."""
        return msgspec.structs.replace(
            self, prediction_id=prediction_id, correlation_id=spell(prediction_id)
        )

    def request(self, reply_to: str, expires_s: float, now_s: float) -> Message:
        """Build the request (``common.contract.messages.Request``) to publish at ``now_s``.

        ``now_s`` is Unix time. Milliseconds are rounded up: ``expiration`` is at least 1.
        """
        return Message(
            type=MessageType.REQUEST,
            body=self.body,
            correlation_id=self.correlation_id,
            reply_to=reply_to,
            expiration_ms=max(1, math.ceil(expires_s * 1000)),
            timestamp_s=int(now_s),
            headers=dict(self.headers),
        )
