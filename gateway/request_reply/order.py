"""A prediction to be requested, before it has a return address. No I/O."""

import math
from collections.abc import Mapping
from typing import Self

import msgspec

from common.contract.messages import Message, MessageType
from gateway.prediction_id import PredictionId, spell


class Order(msgspec.Struct, frozen=True):
    """One prediction: ``correlation_id`` is ``prediction_id`` as messages spell it.

    ``headers`` are those of the request: the trace that it is part of. ``has_predictor``: a live
    predictor was known to serve ``model`` when the order was checked.
    """

    prediction_id: PredictionId
    correlation_id: str
    model: str
    body: bytes
    headers: Mapping[str, str] = {}
    has_predictor: bool = False

    def with_id(self, prediction_id: PredictionId) -> Self:
        """The same order under another id."""
        return msgspec.structs.replace(
            self, prediction_id=prediction_id, correlation_id=spell(prediction_id)
        )

    def request(self, reply_to: str, expires_s: float, now_s: float) -> Message:
        """The request (``common.contract.messages.Request``) as it is published at ``now_s``.

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
