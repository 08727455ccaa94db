"""The type of one row of an MLflow schema, for msgspec to convert and describe."""

from collections.abc import Mapping
from typing import Any, NotRequired

from mlflow.types import DataType, Schema
from mlflow.types.schema import Array, Map, Object

from predictor_service.models.arrays import array, record, scalar


def row_type(name: str, schema: Schema | None) -> Any:
    """Return the type of one row: an object if columns have names, a list of several without.

    Any JSON if there is no schema.

    Raises:
        TypeError: JSON has no type for one of the columns.
    """
    if schema is None:
        return Any
    if schema.is_tensor_spec():
        # The first axis of a tensor is its rows.
        types = [array(spec.type, spec.shape[1:]) for spec in schema.inputs]
    else:
        types = [_type(f"{name}.{spec.name}", spec.type) for spec in schema.inputs]
    if schema.has_input_names():
        required = [each.required for each in schema.inputs]
        return _object(name, schema.input_names(), types, required)
    return types[0] if len(types) == 1 else tuple.__class_getitem__(tuple(types))


def casts(schema: Schema, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pandas types of the columns of ``row``: pandas itself takes the widest ones."""
    return {
        each.name: each.type.to_pandas()
        for each in schema.inputs
        if each.name in row and isinstance(each.type, DataType)
    }


def _type(name: str, kind: Any) -> Any:
    match kind:
        case DataType():
            return scalar(kind.to_numpy())
        case Array():
            return list.__class_getitem__(_type(name, kind.dtype))
        case Map():
            return dict.__class_getitem__((str, _type(name, kind.value_type)))
        case Object(properties=fields):
            types = [_type(f"{name}.{each.name}", each.dtype) for each in fields]
            required = [each.required for each in fields]
            return _object(name, [each.name for each in fields], types, required)
    return Any


def _object(name: str, names: list[str], types: list[Any], required: list[bool]) -> Any:
    fields = zip(names, types, required, strict=True)
    return record(name, {each: of if needed else NotRequired[of] for each, of, needed in fields})
