"""Everything that can go wrong, as one tree: a stable code, who is to blame, one sentence.

HTTP statuses live in ``gateway/web/errors.py`` and nowhere else; library exceptions are
turned into these where the library is called.
"""

from enum import StrEnum
from typing import Any, ClassVar, Final


class Blame(StrEnum):
    """Who has to change something for the error to go away."""

    CALLER = "caller"
    MODEL = "model"
    PREDICTOR = "predictor"
    SERVICE = "service"


class PredictionError(Exception):
    """A prediction that ends without a result.

    ``sentence`` is shown to the caller: it says what is wrong and what to do, and holds
    nothing that only an operator should see.
    """

    code: ClassVar[str]
    blame: ClassVar[Blame]

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class MalformedRequest(PredictionError):
    """The body is not a request of the contract."""

    code = "malformed_request"
    blame = Blame.CALLER


class MalformedHeader(PredictionError):
    """A header of the request cannot be read, and to ignore it would not be what is meant."""

    code = "malformed_header"
    blame = Blame.CALLER


class IdempotencyConflict(PredictionError):
    """An idempotency key that stands for another request."""

    code = "idempotency_conflict"
    blame = Blame.CALLER

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another model or another body.")


class UnknownModel(PredictionError):
    """No predictor has ever served this model."""

    code = "unknown_model"
    blame = Blame.CALLER


class UnknownPrediction(PredictionError):
    """The id was never handed out, is forged, or its life is over."""

    code = "unknown_prediction"
    blame = Blame.CALLER

    def __init__(self) -> None:
        super().__init__("Prediction ID not found.")


class BodyTooLarge(PredictionError):
    """The request is larger than the gateway takes."""

    code = "body_too_large"
    blame = Blame.CALLER


class UnsupportedMediaType(PredictionError):
    """The request is not sent as JSON."""

    code = "unsupported_media_type"
    blame = Blame.CALLER


class InvalidInput(PredictionError):
    """The model refuses this input; the sentence says why."""

    code = "invalid_input"
    blame = Blame.CALLER

    def __init__(self, sentence: Any = "The model refuses this input.") -> None:
        """Takes whatever models give it: what caused it, or nothing."""
        super().__init__(sentence)


class ModelFailed(PredictionError):
    """The model raised; the details are in the predictor's log only."""

    code = "model_failed"
    blame = Blame.MODEL


class PredictorCrashed(PredictionError):
    """The request ended every predictor that touched it."""

    code = "predictor_crashed"
    blame = Blame.PREDICTOR


class DeadlineExceeded(PredictionError):
    """The prediction was not ready in time."""

    code = "deadline_exceeded"
    blame = Blame.SERVICE


class Cancelled(PredictionError):
    """The caller has cancelled the prediction."""

    code = "cancelled"
    blame = Blame.CALLER

    def __init__(self) -> None:
        super().__init__("Prediction was cancelled.")


class AlreadyFinal(PredictionError):
    """The prediction was over before it was cancelled.

    ``outcome`` is the JSON of input and result, or the error that it ended in.
    """

    code = "already_final"
    blame = Blame.CALLER

    def __init__(self, prediction_id: str, outcome: bytes | PredictionError) -> None:
        super().__init__("The prediction was over before it was cancelled.")
        self.prediction_id = prediction_id
        self.outcome = outcome


class Unavailable(PredictionError):
    """The service cannot take this call now; the same call may succeed later."""

    code = "unavailable"
    blame = Blame.SERVICE
    retry_after_s: ClassVar[int] = 1


class BrokerAway(Unavailable):
    """There is no usable connection to the broker; nothing was sent."""


class ConnectionLost(Unavailable):
    """The connection ended before the broker answered: the message may or may not have arrived."""


class Unconfirmed(Unavailable):
    """The broker did not confirm in time: the message may or may not arrive."""


class Refused(Unavailable):
    """The broker refused the message, because its queue is full; it was not queued."""


class Unroutable(Unavailable):
    """The message was returned: the queue it is addressed to does not exist."""


class NotPermitted(Unavailable):
    """The broker refuses this user: while we run, an operator may give the permission back."""


class InternalError(PredictionError):
    """A failure of our own that nobody foresaw."""

    code = "internal_error"
    blame = Blame.SERVICE

    def __init__(self) -> None:
        super().__init__("The gateway failed; its log says why.")


class Unauthorized(PredictionError):
    """The caller shows no key that opens this gateway."""

    code = "unauthorized"
    blame = Blame.CALLER

    def __init__(self) -> None:
        super().__init__(
            "Send a key of this gateway, as Authorization: Bearer <key> or as X-API-Key: <key>."
        )


class RateLimited(PredictionError):
    """The caller has called more often than it may; it may again after ``retry_after_s``."""

    code = "rate_limited"
    blame = Blame.CALLER

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many calls; try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


class Misconfigured(Exception):
    """A setting, a credential or a leftover on the broker that only an operator can change.

    Raised while starting; the process prints the sentence and exits with code 2.
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
"""The errors that may travel in a reply, by the code they travel under."""
