"""The operations of single models, and their schemas as components of the document."""

import re
from collections.abc import Iterable
from typing import Any, Final

import jsonschema_rs

from common.contract.announcement import ModelCard
from common.settings import MODEL_NAME
from gateway.api.openapi.operations import Operation, predict
from gateway.api.openapi.schemas import reference

_MODEL_NAME: Final = re.compile(MODEL_NAME, re.ASCII)


def describable(cards: Iterable[ModelCard]) -> list[ModelCard]:
    """Return the models with valid names: any client of the broker can announce a model."""
    return [card for card in cards if _MODEL_NAME.fullmatch(card.name)]


def model_schemas(card: ModelCard) -> dict[str, Any]:
    """Build the schemas of a model's input and output, by the names of their components."""
    schemas = {_input(card.name): card.input_schema, _output(card.name): card.output_schema}
    return {name: _component(schema, name) for name, schema in schemas.items()}


def model_operation(card: ModelCard) -> Operation:
    """Describe predicting with a model under its own name."""
    version = f" {card.version}" if card.version else ""
    return predict(
        f"/models/{card.name}/predict",
        f"predict-{card.name}",
        f"Predict with {card.name}{version}",
        reference("schemas", _input(card.name)),
        reference("schemas", _output(card.name)),
    )


def default_operation(card: ModelCard | None) -> Operation:
    """Describe predicting with the default model; ``card`` is None before its announcement."""
    return predict(
        "/predict",
        "predict",
        "Predict with the default model",
        reference("schemas", _input(card.name)) if card else {},
        reference("schemas", _output(card.name)) if card else {},
    )


def _input(model: str) -> str:
    return f"{model}.input"


def _output(model: str) -> str:
    return f"{model}.output"


def _component(schema: Any, name: str) -> Any:
    """Return a schema as a component: its references to itself begin at the component's place.

    A schema with an ``$id`` stays as it is. A malformed one becomes the schema that fits all.
    """
    if not jsonschema_rs.meta.is_valid(schema):
        return {}
    return schema if "$id" in schema else _rebase(schema, f"#/components/schemas/{name}")


def _rebase(part: Any, base: str) -> Any:
    if isinstance(part, list):
        return [_rebase(each, base) for each in part]
    if not isinstance(part, dict):
        return part
    return {key: _rebase_keyword(key, value, base) for key, value in part.items()}


def _rebase_keyword(key: str, value: Any, base: str) -> Any:
    if key == "$ref" and isinstance(value, str):
        return _rebase_reference(value, base)
    if key == "discriminator" and isinstance(value, dict) and "propertyName" in value:
        mapping = {
            tag: _rebase_reference(place, base) for tag, place in value.get("mapping", {}).items()
        }
        return value | {"mapping": mapping}
    return _rebase(value, base)


def _rebase_reference(reference: str, base: str) -> str:
    return base + reference[1:] if reference.startswith("#") else reference
