"""From the JSON of inputs to the JSON of results: validate, predict, encode. No I/O.

Runs where the model runs, in a thread or in a process of its own. An input that is invalid,
or makes its batch fail, takes down only itself.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any, Final

import msgspec
import structlog

from common.contract.progress import Progress
from common.errors import InvalidInput, MalformedRequest, ModelFailed, PredictionError
from predictor_service.models.loader import Model
from predictor_service.models.report import Report, Reporter, ignore_report
from predictor_service.models.signature import Predict

Outcome = bytes | PredictionError
"""The JSON of a result, or why there is none."""

TRIP_S: Final = 0.01
"""How long questions are asked one after the other before their outcomes are handed back."""

log = structlog.get_logger()


class ModelInput(msgspec.Struct, frozen=True, eq=False):
    """An input as JSON, and the correlation id under which its fate is logged.

    Each is itself alone: a request that was delivered twice may be here twice.
    """

    input_json: bytes
    correlation_id: str
    is_followed: bool = False
    """Whether anybody can ask how far it has come."""


OnProgress = Callable[[str, Progress], None]
"""Told by correlation id how far a prediction has come; called in any thread, must not raise."""


def nobody_hears(_: str, __: Progress) -> None:
    """Where nobody is interested."""


def invoke(
    model: Model, questions: Sequence[ModelInput], hear: OnProgress = nobody_hears
) -> Iterator[Outcome]:
    """Ask ``model`` the ``questions``, in one call if it takes several; yields their outcomes.

    One after the other only until ``TRIP_S`` seconds are over, so that no outcome waits longer for
    those behind it: these are not asked then.
    ``hear`` is told of those that are followed how far they have come, while this runs.
    Raises nothing that a model can raise.
    """
    if len(questions) > 1 and model.predict_batch is not None:
        yield from _invoke_batch(model, model.predict_batch, questions, hear)
        return
    end_s = time.monotonic() + TRIP_S
    for question in questions:
        yield _invoke_one(model, question, hear)
        if time.monotonic() >= end_s:
            return


def _invoke_one(model: Model, question: ModelInput, hear: OnProgress) -> Outcome:
    try:
        value = _input(model, question)
    except PredictionError as exc:
        return exc
    try:
        if not model.report_parameter:
            return _json(model.predict(value))
        with _reporting(question, hear) as report:
            return _json(model.predict(value, **{model.report_parameter: report}))
    except BaseException as exc:  # a model may raise anything
        return _told(exc, question)


def _reporting(question: ModelInput, hear: OnProgress) -> AbstractContextManager[Report]:
    if not question.is_followed:
        return nullcontext(ignore_report)
    return Reporter(partial(hear, question.correlation_id))


def _invoke_batch(
    model: Model, predict_batch: Predict, questions: Sequence[ModelInput], hear: OnProgress
) -> list[Outcome]:
    outcomes: dict[ModelInput, Outcome] = {}
    inputs: dict[ModelInput, Any] = {}
    for question in questions:
        try:
            inputs[question] = _input(model, question)
        except PredictionError as exc:
            outcomes[question] = exc
    try:
        results = predict_batch(list(inputs.values())) if inputs else ()
        outcomes |= dict(zip(inputs, map(_json, _in_order(results)), strict=True))
    except BaseException:  # because of one input, or of all: each will tell
        log.warning("batch failed, its inputs are tried one by one", exc_info=True)
        outcomes |= {question: _invoke_one(model, question, hear) for question in inputs}
    return [outcomes[question] for question in questions]


def _input(model: Model, question: ModelInput) -> Any:
    """Read an input as the type that the model asks for.

    Raises:
        PredictionError: it is none, whatever that type's own code raises.
    """
    try:
        return model.decoder.decode(question.input_json)
    except msgspec.ValidationError as exc:
        raise InvalidInput(_sayable(f"{exc}.")) from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedRequest(f"The input is not valid JSON: {exc}.") from exc
    except BaseException as exc:  # from the code of a model's type, such as __post_init__
        raise _told(exc, question) from exc


def _told(exc: BaseException, question: ModelInput) -> PredictionError:
    """What the caller learns of what a model raised: why it refuses, or only that it failed."""
    if isinstance(exc, InvalidInput):
        with suppress(Exception):  # its text is the model's own code, too
            return InvalidInput(_sayable(str(exc)) or "The model refuses this input.")
    log.exception("model failed", correlation_id=question.correlation_id)
    return ModelFailed("The model failed on this input.")


def _sayable(sentence: str) -> str:
    """A sentence of a model's, without what no encoding of text has."""
    return sentence.encode(errors="replace").decode()


def _in_order(results: Any) -> Iterator[Any]:
    """The results of a batch, one for each input.

    Raises:
        TypeError: they are in no order, or are none.
    """
    if isinstance(results, str | bytes | Mapping | Set):
        raise TypeError(f"predict_batch returned a {type(results).__name__}, not a list")
    in_order: Iterator[Any] = iter(results)
    return in_order


def _json(result: Any) -> bytes:
    """A result as JSON; NumPy's scalars and arrays become numbers and lists.

    Raises:
        TypeError, ValueError: it is no JSON; NaN and infinity are not either.
    """
    encoded = msgspec.json.encode(result, enc_hook=_plain)
    # msgspec writes NaN and infinity as null: a result with a null in it may have had one.
    if b"null" in encoded and not _is_finite(msgspec.to_builtins(result, enc_hook=_plain)):
        raise ValueError("the result holds NaN or infinity, which JSON does not have")
    return encoded


def _plain(value: Any) -> Any:
    """NumPy's types, by the method that all of them have, so that NumPy need not be there."""
    if to_list := getattr(value, "tolist", None):
        return to_list()
    raise TypeError(f"a result of type {type(value).__name__} is not JSON")


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_finite, value))
    return True
