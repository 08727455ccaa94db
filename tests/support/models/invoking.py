"""Invocation of a model as a predictor does it, with models and inputs of all kinds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from common.contract.announcement import ModelCard
from common.errors import InvalidInput, PredictionError
from predictor_service.execution.invocation import ModelInput, Outcome, invoke
from predictor_service.models.loader import Model

NUMBER: Final = b"21"


class Customer(msgspec.Struct):
    """An input with constraints."""

    months: Annotated[int, msgspec.Meta(ge=1)]
    features: list[float] = []

    def __post_init__(self) -> None:
        if self.months == 13:
            raise ValueError("13 is unlucky")
        if self.months == 14:
            raise InvalidInput("Nobody stays for 14 months.")
        if self.months == 15:
            raise RuntimeError("secret")


@dataclass
class Point:
    """An input as a dataclass."""

    x: int
    y: int = 0


class Surprise(BaseException):
    """An exception that is no ``Exception``, nor the end of the program."""


class Unspeakable(Exception):
    """An exception that cannot be printed."""

    def __repr__(self) -> str:
        raise RuntimeError("secret")


class Speechless:
    """An argument of ``InvalidInput`` that cannot be printed."""

    def __str__(self) -> str:
        raise RuntimeError("secret")


def inputs(*texts: bytes) -> list[ModelInput]:
    """Return inputs, each with its place as correlation id."""
    return [ModelInput(text, str(n)) for n, text in enumerate(texts)]


def run(predict: Callable[[Any], Any], text: bytes, input_type: Any = Any) -> Outcome:
    """Return the outcome of a model on one input."""
    model = Model(ModelCard(name="m"), input_type, predict, None)
    (outcome,) = invoke(model, [ModelInput(text, "c")])
    return outcome


def raising(error: BaseException) -> Callable[[Any], Any]:
    """Return a model that raises."""

    def predict(_: Any) -> Any:
        raise error

    return predict


def returning(result: Any) -> Callable[[Any], Any]:
    """Return a model that always returns the same."""
    return lambda _: result


def error_of(outcome: Outcome) -> tuple[type[PredictionError], str]:
    """Return the type of the error that a caller gets, and its sentence."""
    assert isinstance(outcome, PredictionError)
    assert type(outcome.sentence) is str
    outcome.sentence.encode()  # as a message does
    return type(outcome), outcome.sentence
