"""The messages between a predictor and its worker process: msgpack over a pipe. No I/O."""

from typing import Final

import msgspec

from common.contract.announcement import ModelCard
from common.contract.progress import Progress
from common.errors import BY_CODE, PredictionError
from predictor_service.execution.invocation import ModelInput, Outcome


class Loaded(msgspec.Struct):
    """The first message of a worker: the models that it has loaded, or why it could not."""

    cards: tuple[ModelCard, ...] = ()
    error: str | None = None


class RunInputs(msgspec.Struct):
    """The message to a worker: the inputs to run a model on."""

    model: str
    inputs: list[ModelInput]


class Begun(msgspec.Struct):
    """The first answer to ``RunInputs``: if the worker ends after it, the inputs may be the cause.

    ``dropped_lines``: the lines of output that the worker could not write so far.
    """

    dropped_lines: int


class ReportedProgress(msgspec.Struct):
    """An answer while a model runs: the progress of one prediction."""

    correlation_id: str
    progress: Progress


class Failure(msgspec.Struct):
    """An error in place of a result."""

    code: str
    sentence: str


LOADED: Final = msgspec.msgpack.Decoder(Loaded)
RUN_INPUTS: Final = msgspec.msgpack.Decoder(RunInputs)
BEGUN: Final = msgspec.msgpack.Decoder(Begun)
RUN_ANSWER: Final = msgspec.msgpack.Decoder(list[bytes | Failure] | ReportedProgress)
"""The decoder of the answers after ``Begun``: progress, and at last the outcomes."""


def to_wire(outcome: Outcome) -> bytes | Failure:
    """Convert an outcome to the part of a message that stands for it."""
    return outcome if isinstance(outcome, bytes) else Failure(outcome.code, outcome.sentence)


def from_wire(outcome: bytes | Failure) -> Outcome:
    """Convert the part of a message that stands for an outcome back to it."""
    return outcome if isinstance(outcome, bytes) else _to_error(outcome)


def _to_error(failure: Failure) -> PredictionError:
    return BY_CODE[failure.code](failure.sentence)
