"""Importing a model's module; for a model that ships, with the extra that it needs."""

import importlib
from types import ModuleType

from common.errors import Misconfigured
from predictor_service.models.specification import SHIPPED, Specification

_EXTRAS = {place.partition(":")[0]: name for name, place in SHIPPED.items() if name != "demo"}
"""The extra of each module that needs one; it has the short name of its model."""


def import_model(specification: Specification) -> ModuleType:
    """Import the module of a model.

    Raises:
        Misconfigured: it is a model that ships, and its extra is not installed.
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
