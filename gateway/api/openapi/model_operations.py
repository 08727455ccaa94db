"""The operations of single models, and their schemas as components of the document."""

import re
from collections.abc import Iterable
from typing import Any, Final

from common.contract.announcement import ModelCard
from common.errors import MalformedRequest
from common.settings import MODEL_NAME
from gateway.api.openapi.operations import Operation, predict
from gateway.api.openapi.schemas import reference
from gateway.registry.schema.keywords import NAMED, ONE, SEVERAL
from gateway.registry.schema.wellformed import check_schema

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
    try:
        check_schema(schema)
    except MalformedRequest:
        return {}
    return schema if "$id" in schema else _rebase(schema, f"#/components/schemas/{name}")


def _rebase(schema: Any, base: str) -> Any:
    if not isinstance(schema, dict):
        return schema
    return {word: _rebase_keyword(word, value, base) for word, value in schema.items()}


def _rebase_keyword(word: str, value: Any, base: str) -> Any:
    if word == "$ref":
        return _rebase_reference(value, base)
    if word == "discriminator":
        mapping = value.get("mapping", {}).items()
        return value | {"mapping": {tag: _rebase_reference(place, base) for tag, place in mapping}}
    if word in NAMED and isinstance(value, dict):
        return {name: _rebase(each, base) for name, each in value.items()}
    if word in SEVERAL and isinstance(value, list):
        return [_rebase(each, base) for each in value]
    return _rebase(value, base) if word in ONE else value


def _rebase_reference(reference: str, base: str) -> str:
    return base + reference[1:] if reference.startswith("#") else reference
