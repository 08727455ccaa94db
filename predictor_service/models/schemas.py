"""The JSON Schemas that a model publishes, made from its types.

Gateways refuse what the schema of an input refuses, so it has to take whatever msgspec reads as
that type. Where msgspec's own schema takes less than its decoder does, it is widened here.
"""

from typing import Any

import msgspec


def input_schema(input_type: Any) -> dict[str, Any]:
    """The schema of what a model takes.

    Raises:
        TypeError: it cannot be read from JSON, or not be described.
    """
    msgspec.json.Decoder(input_type)
    widened: dict[str, Any] = _widened(_schema(input_type))
    return widened


def output_schema(output_type: Any) -> dict[str, Any]:
    """The schema of what a model returns; empty where there is none."""
    try:
        return _schema(output_type)
    except TypeError:  # it may still convert: NumPy's arrays do
        return {}


def _schema(kind: Any) -> dict[str, Any]:
    """A schema as it travels: a user's examples may be of any type, and must be JSON."""
    return msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(kind)), type=dict[str, Any])


def _widened(node: Any) -> Any:
    if isinstance(node, list):
        return [_widened(each) for each in node]
    if not isinstance(node, dict):
        return node
    wide = {key: _widened(value) for key, value in node.items()}
    if wide.get("format") == "decimal":  # written as a number, it is read as one
        wide["type"] = ["string", "number"]
    if wide.pop("uniqueItems", None):  # a set: what is there twice is dropped, then counted
        wide.pop("maxItems", None)
    if isinstance(required := wide.get("required"), list):
        wide["required"] = [name for name in required if not _is_tag(wide, name)]
    return wide


def _is_tag(schema: dict[str, Any], name: str) -> bool:
    """Whether a field has only one value: a struct's tag, which may be missing if it stands alone.

    A field that is a literal looks the same, and is left to the predictor then.
    """
    field = schema.get("properties", {}).get(name)
    return isinstance(field, dict) and len(field.get("enum", ())) == 1
