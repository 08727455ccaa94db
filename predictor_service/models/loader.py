"""The model contract, and loading a model.

A model is a function ``def predict(input: T) -> R``, plain or async, or a class whose
constructor loads it and whose ``predict`` does the same. A class may have
``predict_batch(inputs: list[T]) -> list[R]`` to serve many inputs at once, and a ``version``.
``T`` is any type that msgspec converts JSON to and describes; without one, ``predict`` gets any
JSON value. A second parameter annotated ``Report`` gets a function to report progress with; batches
report none. A class that learns its types only while loading names them in the attributes
``input_type`` and ``output_type``. A model raises ``InvalidInput`` to blame its caller;
whatever else it raises is its own failure.
"""

import asyncio
import importlib
import inspect
import sys
import threading
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from common.contract.announcement import ModelCard
from common.contract.json_decoder import JsonDecoder
from common.errors import Misconfigured
from predictor_service.models.signature import (
    Predict,
    input_schema,
    one_line,
    output_schema,
    report_parameter,
    types_of,
)
from predictor_service.models.specification import SHIPPED, Specification

_EXTRAS: Final = {
    place.partition(":")[0]: name for name, place in SHIPPED.items() if name != "demo"
}
"""The extra of each module that needs one; it has the short name of its model."""


@dataclass(frozen=True)
class Model:
    """A loaded model. Both callables block until they have a result."""

    card: ModelCard
    input_type: Any
    predict: Predict
    predict_batch: Predict | None
    report_parameter: str = ""
    """The name of the parameter that wants a report; empty if there is none."""

    @cached_property
    def decoder(self) -> JsonDecoder[Any]:
        """The decoder of inputs, from JSON to the type that the model takes."""
        return JsonDecoder(self.input_type)


def load_model(specification: Specification) -> Model:
    """Import a model, construct it, and describe it. The current directory is importable.

    Raises:
        Misconfigured: the model cannot be found, raises while loading, has no ``predict``, or
            takes an input that cannot be read from JSON.
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
            f"Model '{specification}' cannot be loaded: {type(exc).__name__}: {one_line(exc)}"
        ) from exc


def _load(specification: Specification) -> Model:
    instance = _instance(specification)
    predict = getattr(instance, "predict", None) or _callable(instance)
    if not inspect.isroutine(predict):
        raise Misconfigured(f"Model '{specification}' is no function and has no predict method.")
    predict_batch = getattr(instance, "predict_batch", None)
    input_type, output_type = types_of(specification, instance, predict)
    return Model(
        card=ModelCard(
            name=specification.name,
            version=str(getattr(instance, "version", "")),
            takes_batches=predict_batch is not None,
            input_schema=input_schema(specification, input_type),
            output_schema=output_schema(output_type),
        ),
        input_type=input_type,
        predict=_blocking(predict),
        predict_batch=None if predict_batch is None else _blocking(predict_batch),
        report_parameter=report_parameter(predict),
    )


def _instance(specification: Specification) -> Any:
    target: Any = _import(specification)
    for name in specification.attribute.split("."):
        target = getattr(target, name)
    arguments = () if specification.argument is None else (specification.argument,)
    if inspect.isclass(target):
        return target(*arguments)
    if arguments:
        raise TypeError("only a class takes an argument")
    return target


def _import(specification: Specification) -> ModuleType:
    """Import the module of a model.

    Raises:
        Misconfigured: the model ships with this predictor, and its extra is not installed.
        BaseException: whatever the module raises.
    """
    try:
        return importlib.import_module(specification.module)
    except ModuleNotFoundError as exc:
        if specification.module not in _EXTRAS:
            raise
        extra = _EXTRAS[specification.module]
        raise Misconfigured(
            f"Model '{specification.name}' needs the package {exc.name}, which is not installed: "
            f"pip install 'predictmq[{extra}]'."
        ) from exc


def _callable(instance: Any) -> Any:
    """Return a function itself; for another object, the method that is run when it is called."""
    return instance if inspect.isroutine(instance) else getattr(instance, "__call__", None)  # noqa: B004 - its type is wanted, not whether there is one


def _blocking(predict: Predict) -> Predict:
    """Return ``predict`` if it is plain; for an async one, a function that waits for its result."""
    if not inspect.iscoroutinefunction(predict):
        return predict
    loop = _model_loop()

    async def call(value: Any, **report: Any) -> Any:
        try:
            return await predict(value, **report)
        except (SystemExit, KeyboardInterrupt) as exc:  # which would end the loop of all models
            raise RuntimeError(f"the model raised {type(exc).__name__}") from exc

    return lambda value, **report: asyncio.run_coroutine_threadsafe(
        call(value, **report), loop
    ).result()


@cache
def _model_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop of async models, which runs in a thread of its own.

    One for all models, and apart from the predictor's: objects that a model keeps between calls,
    such as a client's connections, belong to one loop, and a model that blocks its loop must not
    stop heartbeats.
    """
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True, name="async models").start()
    return loop
