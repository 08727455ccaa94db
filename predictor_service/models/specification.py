"""The syntax of ``PREDICTOR_MODEL``: the models to serve, and their names."""

import re
from dataclasses import dataclass
from typing import Final

from common.errors import Misconfigured
from common.settings import MODEL_NAME

SHIPPED: Final = {
    "demo": "predictor_service.models.demo:Demo",
    "mlflow": "predictor_service.models.mlflow:MlflowModel",
    "onnx": "predictor_service.models.onnx:OnnxModel",
    "sentiment": "predictor_service.models.sentiment:Sentiment",
}
"""The places of the models that ship, by their short names."""

_SPECIFICATION: Final = re.compile(
    r"(?:(?P<name>[^=(]*)=)?(?P<place>[^=()]*)(?:\((?P<argument>[^()]*)\))?"
)


@dataclass(frozen=True)
class Specification:
    """A model to be loaded. Its class is constructed with ``argument``, if there is one."""

    name: str
    module: str
    attribute: str
    argument: str | None = None

    def __str__(self) -> str:
        argument = "" if self.argument is None else f"({self.argument})"
        return f"{self.name}={self.module}:{self.attribute}{argument}"


def parse_models(text: str) -> tuple[Specification, ...]:
    """Read ``PREDICTOR_MODEL``: models separated by commas.

    Each is ``name=package.module:attribute``, with ``(argument)`` behind it if its class takes
    one. A model that ships is written by its short name, such as ``demo``, ``sentiment`` or
    ``digits=onnx(digits.onnx)``.

    Raises:
        Misconfigured: one cannot be read, two have the same name, or there is none.
    """
    found: dict[str, Specification] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        specification = _parse(part)
        if specification.name in found:
            raise Misconfigured(f"PREDICTOR_MODEL names {specification.name!r} twice.")
        found[specification.name] = specification
    if not found:
        raise Misconfigured("PREDICTOR_MODEL names no model.")
    return tuple(found.values())


def _parse(part: str) -> Specification:
    match = _SPECIFICATION.fullmatch(part)
    if match is None:
        raise Misconfigured(
            f"PREDICTOR_MODEL: {part!r} is not name=package.module:attribute, nor the same with "
            f"(argument) behind it."
        )
    place = match["place"].strip()
    name = place if match["name"] is None else match["name"].strip()
    if not re.fullmatch(MODEL_NAME, name, re.ASCII):
        raise Misconfigured(f"PREDICTOR_MODEL: {name!r} is not a name for a model.")
    module, _, attribute = SHIPPED.get(place, place).partition(":")
    if not module or not attribute:
        raise Misconfigured(
            f"PREDICTOR_MODEL: no model {place!r} ships with this predictor; write "
            f"{name}=package.module:attribute, or one of {', '.join(SHIPPED)}."
        )
    return Specification(name, module, attribute, match["argument"])
