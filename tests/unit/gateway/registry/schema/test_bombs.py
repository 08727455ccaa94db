"""Inputs and schemas that make a naive check explode: each takes a bounded number of steps."""

import time
from contextlib import suppress
from typing import Any, Final, Optional

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contract.announcement import ModelCard
from common.errors import InvalidInput
from gateway.registry.input_schema import InputSchema
from gateway.registry.schema.steps import MAX_STEPS
from predictor_service.models.signature import schema_of
from tests.unit.gateway.registry.schema.test_wellformed import DOUBLING, HOSTILE


class Add(msgspec.Struct, tag=True):
    """A node of a formula, with two nodes below."""

    left: "Add | Mul | int"
    right: "Add | Mul | int"


class Mul(msgspec.Struct, tag=True):
    """A node of a formula, with one node below."""

    left: "Add | Mul | int"


class Tree(msgspec.Struct):
    """A tree of numbers."""

    value: float
    left: Optional["Tree"] = None
    right: Optional["Tree"] = None


TWICE: Final[dict[str, Any]] = {"properties": {"a": {"$ref": "#"}}}
DEEP: Final[Any] = msgspec.json.decode(60 * b'{"a":' + b'"x"' + 60 * b"}")
LISTS: Final[Any] = msgspec.json.decode(60 * b"[" + b'"x"' + 60 * b"]")

BOMBS: Final[dict[str, tuple[Any, Any]]] = {
    "a union without tags": ({"anyOf": [TWICE | {"minProperties": 1}, TWICE]}, DEEP),
    "one of the same": ({"oneOf": [TWICE | {"title": "a"}, TWICE], "type": "object"}, DEEP),
    "all of the same": ({"allOf": [TWICE, TWICE]}, DEEP),
    "beside a reference": (
        {
            "$ref": "#/$defs/n",
            "$defs": {
                "n": {"$ref": "#/$defs/m", "items": {"$ref": "#/$defs/n"}},
                "m": {"items": {"$ref": "#/$defs/n"}},
            },
        },
        LISTS,
    ),
    "doubling references": (DOUBLING, "x"),
    "a circle": ({"allOf": [{"$ref": "#"}]}, 1),
    "a circle of references": ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, 1),
    "many constants": (
        {"items": {"anyOf": [{"const": str(n)} for n in range(5000)]}},
        ["x"] * 9999,
    ),
    "options with content": ({"items": {"enum": [[n] for n in range(5000)]}}, [[4999]] * 9999),
    "giant integers": ({"items": {"minimum": 1.5, "multipleOf": 7}}, [7 * 10**4298] * 240),
    "unique items": ({"uniqueItems": True, "items": {"$ref": "#"}}, [[n] for n in range(50_000)]),
    "many names": ({"propertyNames": {"maxLength": 9}}, {str(n): n for n in range(99_999)}),
    "many members": (
        {"additionalProperties": {"type": "null"}},
        dict.fromkeys(map(str, range(99_999))),
    ),
    "many columns": (
        {"items": {"properties": {f"c{n}": {} for n in range(5000)}}},
        [{"c": 1}] * 9999,
    ),
    "many numbers and a text": ({"items": {"type": "number"}}, [1.5] * 300_000 + ["x"]),
    "a long array": ({"type": "integer"}, [1.5] * 250_000),
    "a long array and a union": (
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        [1.5] * 250_000,
    ),
    "a long text": ({"type": "integer"}, "x" * 10**6),
    "a backtracking pattern": ({"pattern": "(a+)+$"}, "a" * 10**5 + "b"),
    "backtracking names": ({"patternProperties": {"(a+)+$": {}}}, {"a" * 10**5 + "b": 1}),
} | {
    f"schema: {name}": (schema, DEEP)
    for name, schema in HOSTILE.items()
    if name != "malformed ones"
}


def seconds(schema: Any, value: Any) -> float:
    """Return the processor time of the first check of a value, at best."""
    best_s = float("inf")
    for _ in range(3):
        compiled = InputSchema(ModelCard(name="m", input_schema=schema))
        began_s = time.thread_time()
        with suppress(InvalidInput):
            compiled.check(value)
        best_s = min(best_s, time.thread_time() - began_s)
    return best_s


@pytest.mark.parametrize("name", BOMBS)
def test_no_input_takes_much_longer_than_a_harmless_one_of_many_values(name: str) -> None:
    row = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "string"}}}
    harmless = [{"a": 1.5, "b": "x"} for _ in range(MAX_STEPS // 3 - 1)]
    assert seconds(*BOMBS[name]) < 20 * seconds({"type": "array", "items": row}, harmless)


def formula(levels: int, leaf: Any) -> Any:
    """Build an input that nests ``levels`` deep, all of it on the left side."""
    value = leaf
    for level in range(levels):
        value = {"type": "Mul", "left": value}
        if level % 2:
            value = {"type": "Add", "left": value["left"], "right": 1}
    return value


@pytest.mark.parametrize("levels", [1, 13, 60])
def test_a_wrong_leaf_of_a_recursive_union_is_refused_with_its_path(levels: int) -> None:
    schema = InputSchema(ModelCard(name="m", input_schema=schema_of(Add | Mul | int)))
    schema.check(formula(levels, 1))
    with pytest.raises(InvalidInput) as refused:
        schema.check(formula(levels, "x"))
    assert refused.value.sentence.startswith('"x" is not of types "integer", "object" - at `$.left')


def test_a_check_takes_steps_in_proportion_to_the_depth_of_a_recursive_union() -> None:
    schema = schema_of(Add | Mul | int)
    assert seconds(schema, formula(60, "x")) < 50 * seconds(schema, formula(6, "x"))


def test_a_wrong_leaf_of_a_tree_is_refused_with_its_path() -> None:
    schema = InputSchema(ModelCard(name="m", input_schema=schema_of(Tree)))
    value: dict[str, Any] = {"value": 1}
    for _ in range(50):
        value = {"value": 1, "left": {"value": 2}, "right": value}
    schema.check(value)
    value["right"]["right"]["left"]["value"] = "x"
    with pytest.raises(InvalidInput, match=r"at `\$\.right\.right\.left\.value`"):
        schema.check(value)


SCHEMAS: Final = st.recursive(
    st.sampled_from(
        [{}, {"type": "object"}, {"type": ["null", "integer"]}, {"$ref": "#"}, {"const": 1}]
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("items", "additionalProperties", "not"), inner),
            **dict.fromkeys(("anyOf", "oneOf", "allOf"), st.lists(inner, min_size=1, max_size=3)),
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
        },
    ),
    max_leaves=8,
)
VALUES: Final = st.recursive(
    st.sampled_from([None, 1, 1.5, "x", True]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=6,
)


@given(SCHEMAS, VALUES)
def test_what_is_refused_is_refused_by_the_standard_too(schema: Any, value: Any) -> None:
    """The check may let more pass, never less."""
    try:
        InputSchema(ModelCard(name="m", input_schema=schema)).check(value)
    except InvalidInput:
        assert not jsonschema_rs.is_valid(schema, value)
