"""The types that a model's ``predict`` takes and returns, and their JSON Schemas."""

import inspect
import typing
from collections.abc import Callable
from typing import Any

import msgspec

from common.contract.json_decoder import JsonDecoder
from common.errors import Misconfigured
from predictor_service.models.report import Report
from predictor_service.models.specification import Specification

Predict = Callable[..., Any]
"""A model's function: takes an input, and a report as the argument it names for one."""


def report_parameter(predict: Predict) -> str:
    """Return the name of the parameter that wants a report; empty if there is none."""
    return next((name for name, hint in _hints(predict).items() if hint is Report), "")


def types_of(specification: Specification, instance: Any, predict: Predict) -> tuple[Any, Any]:
    """Return the types of input and output; ``Any`` for one that the model does not declare.

    Raises:
        Misconfigured: ``predict`` cannot be called with one input.
    """
    try:
        signature = inspect.signature(predict)
    except ValueError:  # a builtin without one
        return Any, Any
    hints, report = _hints(predict), report_parameter(predict)
    try:
        signature.bind(None, **({report: None} if report else {}))
    except TypeError as exc:
        raise Misconfigured(
            f"Model '{specification}' has a predict that does not take one input: {exc}."
        ) from exc
    return (
        getattr(instance, "input_type", hints.get(next(iter(signature.parameters)), Any)),
        getattr(instance, "output_type", hints.get("return", Any)),
    )


def input_schema(specification: Specification, input_type: Any) -> dict[str, Any]:
    """Return the JSON Schema of the inputs of a model.

    Raises:
        Misconfigured: the type cannot be read from JSON, or has no schema.
    """
    try:
        JsonDecoder(input_type)
        return schema_of(input_type)
    except TypeError as exc:
        raise Misconfigured(
            f"Model '{specification}' takes an input that cannot be read from JSON: {one_line(exc)}"
        ) from exc


def output_schema(output_type: Any) -> dict[str, Any]:
    """Return the JSON Schema of the results of a model; empty for a type that has none."""
    try:
        return schema_of(output_type)
    except TypeError:  # results may still convert: NumPy's arrays do
        return {}


def schema_of(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema of a type, as it is published.

    Raises:
        TypeError: the type has no schema, or the schema holds a value that is no JSON.
    """
    try:
        schema = msgspec.json.schema(kind)
    except KeyError as exc:  # the types of a schema go by their names
        raise TypeError(f"two of its types have one name, {exc}.") from exc
    return msgspec.json.decode(msgspec.json.encode(schema), type=dict[str, Any])


def one_line(exc: BaseException) -> str:
    """Return the text of an exception in one line."""
    return " ".join(str(exc).split())


def _hints(predict: Predict) -> dict[str, Any]:
    return typing.get_type_hints(predict, include_extras=True)
