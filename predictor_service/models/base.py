"""The model contract, and finding a model by its name.

A model is a function ``predict(input)``, or a class whose constructor loads it and whose
``predict`` method does the same: any JSON value in, any JSON value out. It may raise
``InvalidInput`` to blame the caller; whatever else it raises is its own failure.
"""

import importlib
import inspect
import re
from collections.abc import Callable
from typing import Any, Final

from common.errors import Misconfigured
from common.settings import MODEL_NAME

Predict = Callable[[Any], Any]

SHIPPED: Final = {"demo": "predictor_service.models.demo:Demo"}


def load_models(specification: str) -> dict[str, Predict]:
    """Load every model of ``PREDICTOR_MODEL``: ``name`` of one that ships, or
    ``name=package.module:attribute``, several separated by commas.

    Raises:
        Misconfigured: one cannot be found, cannot be loaded, or has no ``predict``.
    """
    models: dict[str, Predict] = {}
    for part in filter(None, map(str.strip, specification.split(","))):
        name, _, path = (piece.strip() for piece in part.partition("="))
        if not re.fullmatch(MODEL_NAME, name):
            raise Misconfigured(f"PREDICTOR_MODEL: {name!r} is not a name for a model.")
        if name in models:
            raise Misconfigured(f"PREDICTOR_MODEL names {name!r} twice.")
        models[name] = _load(name, path or SHIPPED.get(name, ""))
    if not models:
        raise Misconfigured("PREDICTOR_MODEL names no model.")
    return models


def _load(name: str, path: str) -> Predict:
    module, _, attribute = path.partition(":")
    if not module or not attribute:
        raise Misconfigured(
            f"PREDICTOR_MODEL: no model {name!r} ships with this predictor; write "
            f"{name}=package.module:attribute, or one of {', '.join(SHIPPED)}."
        )
    try:
        target = getattr(importlib.import_module(module), attribute)
        model = target() if inspect.isclass(target) else target
    except (Exception, SystemExit) as exc:  # a model's own code may do anything while it loads
        raise Misconfigured(
            f"Model {name!r} ({path}) cannot be loaded: {type(exc).__name__}: {exc}"
        ) from exc
    predict = getattr(model, "predict", model)
    if not callable(predict):
        raise Misconfigured(f"Model {name!r} ({path}) is no function and has no predict method.")
    return predict
