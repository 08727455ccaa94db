"""From the JSON of inputs to the JSON of results: validate, predict, encode. No I/O.

Runs where the model runs, in a thread or in a process of its own. An input that is invalid, or
that makes its batch fail, fails alone.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any, Final

import msgspec
import structlog

from common.contract.progress import Progress
from common.errors import InvalidInput, MalformedRequest, ModelFailed, PredictionError
from predictor_service.execution.result_json import encode_result
from predictor_service.models.loader import Model
from predictor_service.models.report import Report, Reporter, ignore_report
from predictor_service.models.signature import Predict

Outcome = bytes | PredictionError
"""The JSON of a result, or the error that stands in its place."""

CHUNK_S: Final = 0.01
"""The time after which no further input of a chunk is run, and the outcomes are handed back."""

log = structlog.get_logger()


class ModelInput(msgspec.Struct, frozen=True, eq=False):
    """An input as JSON, and the correlation id under which its failure is logged.

    Compared by identity: a request that was delivered twice may be here twice.
    """

    input_json: bytes
    correlation_id: str
    is_followed: bool = False
    """True if callers can follow its progress."""


OnProgress = Callable[[str, Progress], None]
"""Takes a correlation id and the progress of its prediction, in any thread; must not raise."""


def ignore_progress(_: str, __: Progress) -> None:
    """Ignore the progress of a prediction."""


def invoke(
    model: Model, inputs: Sequence[ModelInput], on_progress: OnProgress = ignore_progress
) -> Iterator[Outcome]:
    """Run ``model`` on ``inputs``, in one call if it takes several; yield the outcomes in order.

    One by one only until ``CHUNK_S`` seconds are over, so that no outcome waits longer for the
    inputs behind it: those are not run, and have no outcome.
    Meanwhile ``on_progress`` is called for the inputs that are followed.
    Raises nothing that a model can raise.
    """
    if len(inputs) > 1 and model.predict_batch is not None:
        yield from _invoke_batch(model, model.predict_batch, inputs, on_progress)
        return
    end_s = time.monotonic() + CHUNK_S
    for model_input in inputs:
        yield _invoke_one(model, model_input, on_progress)
        if time.monotonic() >= end_s:
            return


def _invoke_one(model: Model, model_input: ModelInput, on_progress: OnProgress) -> Outcome:
    try:
        value = _decode(model, model_input)
    except PredictionError as exc:
        return exc
    try:
        if not model.report_parameter:
            return encode_result(model.predict(value))
        with _reporting(model_input, on_progress) as report:
            return encode_result(model.predict(value, **{model.report_parameter: report}))
    except BaseException as exc:  # a model may raise anything
        return _error(exc, model_input)


def _reporting(model_input: ModelInput, on_progress: OnProgress) -> AbstractContextManager[Report]:
    if not model_input.is_followed:
        return nullcontext(ignore_report)
    return Reporter(partial(on_progress, model_input.correlation_id))


def _invoke_batch(
    model: Model, predict_batch: Predict, inputs: Sequence[ModelInput], on_progress: OnProgress
) -> list[Outcome]:
    outcomes: dict[ModelInput, Outcome] = {}
    values: dict[ModelInput, Any] = {}
    for model_input in inputs:
        try:
            values[model_input] = _decode(model, model_input)
        except PredictionError as exc:
            outcomes[model_input] = exc
    try:
        results = predict_batch(list(values.values())) if values else ()
        outcomes |= dict(zip(values, map(encode_result, _in_order(results)), strict=True))
    except BaseException:  # because of one input or of all: each shows when it runs alone
        log.warning("batch failed, its inputs are tried one by one", exc_info=True)
        outcomes |= {each: _invoke_one(model, each, on_progress) for each in values}
    return [outcomes[model_input] for model_input in inputs]


def _decode(model: Model, model_input: ModelInput) -> Any:
    """Decode an input to the type that the model takes.

    Raises:
        PredictionError: the input is invalid, or the type's own code raises, whatever it raises.
    """
    try:
        return model.decoder.decode(model_input.input_json)
    except msgspec.ValidationError as exc:
        raise InvalidInput(_encodable(f"{exc}.")) from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedRequest(f"The input is not valid JSON: {exc}.") from exc
    except BaseException as exc:  # from the code of a model's type, such as __post_init__
        raise _error(exc, model_input) from exc


def _error(exc: BaseException, model_input: ModelInput) -> PredictionError:
    """Map an exception of a model to an error for the caller: a refusal, or only that it failed."""
    if isinstance(exc, InvalidInput):
        with suppress(Exception):  # its text is the model's own code, too
            return InvalidInput(_encodable(str(exc)) or "The model refuses this input.")
    log.exception("model failed", correlation_id=model_input.correlation_id)
    return ModelFailed("The model failed on this input.")


def _encodable(sentence: str) -> str:
    """Replace the characters of a model's sentence that no encoding of text has."""
    return sentence.encode(errors="replace").decode()


def _in_order(results: Any) -> Iterator[Any]:
    """Iterate over the results of a batch, one for each input.

    Raises:
        TypeError: the results have no order, or are no iterable.
    """
    if isinstance(results, str | bytes | Mapping | Set):
        raise TypeError(f"predict_batch returned a {type(results).__name__}, not a list")
    in_order: Iterator[Any] = iter(results)
    return in_order
