"""The one tree of errors, each with a stable code, a blame and one sentence.

HTTP statuses are in ``gateway/web/errors.py`` and nowhere else. Exceptions of libraries are mapped
to these errors where the library is called.
"""

from enum import StrEnum
from typing import Any, ClassVar, Final


class Blame(StrEnum):
    """The party that has to change something for the error to go away."""

    CALLER = "caller"
    MODEL = "model"
    PREDICTOR = "predictor"
    SERVICE = "service"


class PredictionError(Exception):
    """A prediction that ends without a result.

    ``sentence`` is shown to the caller: it says what is wrong and what to do, and contains nothing
    that only an operator may see.
    """

    code: ClassVar[str]
    blame: ClassVar[Blame]

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class MalformedRequest(PredictionError):
    """A body that is not a request of the contract."""

    code = "malformed_request"
    blame = Blame.CALLER


class MalformedHeader(PredictionError):
    """A request header that cannot be read, and that changes the meaning of the request."""

    code = "malformed_header"
    blame = Blame.CALLER


class IdempotencyConflict(PredictionError):
    """An idempotency key that was used for another request."""

    code = "idempotency_conflict"
    blame = Blame.CALLER

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another model or another body.")


class UnknownModel(PredictionError):
    """A model that no predictor has ever served."""

    code = "unknown_model"
    blame = Blame.CALLER


class UnknownPrediction(PredictionError):
    """A prediction id that was never handed out, is forged, or has expired."""

    code = "unknown_prediction"
    blame = Blame.CALLER

    def __init__(self) -> None:
        super().__init__("Prediction ID not found.")


class BodyTooLarge(PredictionError):
    """A request body beyond the gateway's limit."""

    code = "body_too_large"
    blame = Blame.CALLER


class UnsupportedMediaType(PredictionError):
    """A request body of another media type than JSON."""

    code = "unsupported_media_type"
    blame = Blame.CALLER


class InvalidInput(PredictionError):
    """An input that the model refuses; the sentence says why."""

    code = "invalid_input"
    blame = Blame.CALLER

    def __init__(self, sentence: Any = "The model refuses this input.") -> None:
        """Accept any object that a model gives as the reason, such as an exception."""
        super().__init__(sentence)


class ModelFailed(PredictionError):
    """An exception of the model; its details are in the predictor's log only."""

    code = "model_failed"
    blame = Blame.MODEL


class PredictorCrashed(PredictionError):
    """A request during which every predictor that tried it died."""

    code = "predictor_crashed"
    blame = Blame.PREDICTOR


class DeadlineExceeded(PredictionError):
    """A prediction that was not ready by its deadline."""

    code = "deadline_exceeded"
    blame = Blame.SERVICE


class Cancelled(PredictionError):
    """A prediction that its caller has cancelled."""

    code = "cancelled"
    blame = Blame.CALLER

    def __init__(self) -> None:
        super().__init__("Prediction was cancelled.")


class AlreadyFinal(PredictionError):
    """A cancellation of a prediction that has ended already.

    ``outcome`` is the JSON of input and result, or the error of the prediction.
    """

    code = "already_final"
    blame = Blame.CALLER

    def __init__(self, prediction_id: str, outcome: bytes | PredictionError) -> None:
        super().__init__("The prediction was over before it was cancelled.")
        self.prediction_id = prediction_id
        self.outcome = outcome


class Unavailable(PredictionError):
    """A call that the service cannot take now; the same call may succeed later."""

    code = "unavailable"
    blame = Blame.SERVICE
    retry_after_s: ClassVar[int] = 1


class BrokerAway(Unavailable):
    """A publish without a usable connection to the broker; nothing was sent."""


class ConnectionLost(Unavailable):
    """A connection that ended before the broker's reply: a message may or may not have arrived."""


class Unconfirmed(Unavailable):
    """A publish that the broker did not confirm in time: the message may or may not arrive."""


class Refused(Unavailable):
    """A publish that the broker refused because the queue is full; nothing was queued."""


class Unroutable(Unavailable):
    """A publish that the broker returned: there is no queue of that name."""


class NotPermitted(Unavailable):
    """An operation that the broker refuses to this user; an operator may permit it at any time."""


class InternalError(PredictionError):
    """An unforeseen failure of the service itself."""

    code = "internal_error"
    blame = Blame.SERVICE

    def __init__(self) -> None:
        super().__init__("The gateway failed; its log says why.")


class Unauthorized(PredictionError):
    """A call without a valid API key."""

    code = "unauthorized"
    blame = Blame.CALLER

    def __init__(self) -> None:
        super().__init__(
            "Send a key of this gateway, as Authorization: Bearer <key> or as X-API-Key: <key>."
        )


class RateLimited(PredictionError):
    """A call beyond the caller's rate; the next one may come after ``retry_after_s`` seconds."""

    code = "rate_limited"
    blame = Blame.CALLER

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many calls; try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


class Misconfigured(Exception):
    """A setting, a credential or a leftover on the broker that only an operator can change.

    Raised during the start; the process prints the sentence and exits with code 2.
    """


BY_CODE: Final[dict[str, type[PredictionError]]] = {
    error.code: error
    for error in (
        MalformedRequest,
        UnknownModel,
        BodyTooLarge,
        UnsupportedMediaType,
        InvalidInput,
        ModelFailed,
        PredictorCrashed,
        DeadlineExceeded,
        Unavailable,
    )
}
"""The errors that a reply may carry, by code."""
