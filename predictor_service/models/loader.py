"""The model contract, and loading a model.

A model is a function ``def predict(input: T) -> R``, plain or async, or a class whose
constructor loads it and whose ``predict`` does the same. A class may have
``predict_batch(inputs: list[T]) -> list[R]`` to serve many inputs at once, and a ``version``.
``T`` is any type that msgspec converts JSON to and describes; without one, any JSON value is
handed over. A second parameter annotated ``Report`` gets what progress is reported with; batches
report none. A class that learns its types only while loading names them in the attributes
``input_type`` and ``output_type``. A model raises ``InvalidInput`` to blame its caller;
whatever else it raises is its own failure.
"""

import asyncio
import inspect
import sys
import threading
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import msgspec

from common.contract.announcement import ModelCard
from common.errors import Misconfigured
from predictor_service.models.extras import import_model
from predictor_service.models.report import Report
from predictor_service.models.specification import Specification

Predict = Callable[..., Any]
"""Takes an input, and a report as the argument that the model has for it."""


@dataclass(frozen=True)
class Model:
    """A loaded model. Both callables block until they have a result."""

    card: ModelCard
    input_type: Any
    predict: Predict
    predict_batch: Predict | None
    report_parameter: str = ""
    """What the model calls the parameter that it wants a report as; empty: it wants none."""

    @cached_property
    def decoder(self) -> msgspec.json.Decoder[Any]:
        """Reads an input from JSON as the type the model asks for."""
        return msgspec.json.Decoder(self.input_type)


def load_model(specification: Specification) -> Model:
    """Import a model, construct it, and describe it. The current directory is importable.

    Raises:
        Misconfigured: it cannot be found, raises while loading, has no ``predict``, or asks for
            an input that cannot be read from JSON.
    """
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:  # "" is the current directory, too
        sys.path.insert(0, here)
    try:
        return _load(specification)
    except Misconfigured:
        raise
    except BaseException as exc:  # a model may raise anything while it loads
        raise Misconfigured(
            f"Model '{specification}' cannot be loaded: {type(exc).__name__}: {_line(exc)}"
        ) from exc


def _load(specification: Specification) -> Model:
    instance = _instance(specification)
    predict = getattr(instance, "predict", None) or _callable(instance)
    if not inspect.isroutine(predict):
        raise Misconfigured(f"Model '{specification}' is no function and has no predict method.")
    predict_batch = getattr(instance, "predict_batch", None)
    hints = _hints(predict)
    report_parameter = next((name for name, hint in hints.items() if hint is Report), "")
    input_type, output_type = _types(specification, instance, predict, report_parameter)
    return Model(
        card=ModelCard(
            name=specification.name,
            version=str(getattr(instance, "version", "")),
            takes_batches=predict_batch is not None,
            input_schema=_input_schema(specification, input_type),
            output_schema=_output_schema(output_type),
        ),
        input_type=input_type,
        predict=_blocking(predict),
        predict_batch=None if predict_batch is None else _blocking(predict_batch),
        report_parameter=report_parameter,
    )


def _instance(specification: Specification) -> Any:
    target: Any = import_model(specification)
    for name in specification.attribute.split("."):
        target = getattr(target, name)
    arguments = () if specification.argument is None else (specification.argument,)
    if inspect.isclass(target):
        return target(*arguments)
    if arguments:
        raise TypeError("only a class takes an argument")
    return target


def _callable(instance: Any) -> Any:
    """A function itself; of another object, the method that is run when it is called."""
    return instance if inspect.isroutine(instance) else getattr(instance, "__call__", None)  # noqa: B004


def _hints(predict: Predict) -> dict[str, Any]:
    return typing.get_type_hints(predict, include_extras=True)


def _types(
    specification: Specification, instance: Any, predict: Predict, report_parameter: str
) -> tuple[Any, Any]:
    """What ``predict`` takes and returns, as far as it says; ``Any`` where it does not."""
    try:
        signature = inspect.signature(predict)
    except ValueError:  # a builtin without one
        return Any, Any
    try:
        signature.bind(None, **({report_parameter: None} if report_parameter else {}))
    except TypeError as exc:
        raise Misconfigured(
            f"Model '{specification}' has a predict that does not take one input: {exc}."
        ) from exc
    hints = _hints(predict)
    return (
        getattr(instance, "input_type", hints.get(next(iter(signature.parameters)), Any)),
        getattr(instance, "output_type", hints.get("return", Any)),
    )


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a type, as it travels.

    Raises:
        TypeError: it has none, or says in it what is no JSON.
    """
    try:
        schema = msgspec.json.schema(kind)
    except KeyError as exc:  # the types of a schema go by their names
        raise TypeError(f"two of its types have one name, {exc}.") from exc
    return msgspec.json.decode(msgspec.json.encode(schema), type=dict[str, Any])


def _input_schema(specification: Specification, input_type: Any) -> dict[str, Any]:
    try:
        msgspec.json.Decoder(input_type)
        return schema_of(input_type)
    except TypeError as exc:
        raise Misconfigured(
            f"Model '{specification}' takes an input that cannot be read from JSON: {_line(exc)}"
        ) from exc


def _output_schema(output_type: Any) -> dict[str, Any]:
    try:
        return schema_of(output_type)
    except TypeError:  # results may still convert: NumPy's arrays do
        return {}


def _line(exc: BaseException) -> str:
    """What an exception says, in one line."""
    return " ".join(str(exc).split())


def _blocking(predict: Predict) -> Predict:
    if not inspect.iscoroutinefunction(predict):
        return predict
    loop = _model_loop()

    async def call(value: Any, **report: Any) -> Any:
        try:
            return await predict(value, **report)
        except (SystemExit, KeyboardInterrupt) as exc:  # which would end the loop, for all
            raise RuntimeError(f"the model raised {type(exc).__name__}") from exc

    return lambda value, **report: asyncio.run_coroutine_threadsafe(
        call(value, **report), loop
    ).result()


@cache
def _model_loop() -> asyncio.AbstractEventLoop:
    """The event loop of async models, in a thread of its own.

    One for all, and apart from the service's: what a model keeps between calls, such as a
    client's connections, belongs to one loop, and a model that blocks it must not stop
    heartbeats.
    """
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True, name="async models").start()
    return loop
