"""Each keyword as large as it may be, behind thousands of references, with an input as large."""

from typing import Any, Final

import pytest

from common.contract.announcement import ModelCard
from common.errors import InvalidInput
from gateway.registry.input_schema import InputSchema
from gateway.registry.schema.steps import MAX_STEPS
from tests.unit.gateway.registry.schema.test_bombs import seconds

REFERENCES: Final = 4000
NAMES: Final = [f"column{n}" for n in range(5000)]
OBJECT: Final = dict.fromkeys(NAMES, 1)
GIANT: Final = 7**5080
CONSTANTS: Final = {name: {"const": name} for name in NAMES[:2000]}

KEYWORDS: Final[dict[str, tuple[dict[str, Any], Any]]] = {
    "required": ({"required": NAMES}, OBJECT),
    "required, the last is missing": ({"required": [*NAMES, "a"]}, OBJECT),
    "properties": ({"properties": {key: {} for key in NAMES}}, OBJECT),
    "other properties": ({"properties": {name + "a": {} for name in NAMES}}, OBJECT),
    "additional ones": (
        {"properties": {key: {} for key in NAMES}, "additionalProperties": False},
        OBJECT | {"a": 1},
    ),
    "propertyNames": ({"propertyNames": {"maxLength": 99}}, OBJECT),
    "patternProperties": (
        {"patternProperties": {"(a+)+$": {}}},
        {"a" * 99 + str(n): 1 for n in range(999)},
    ),
    "pattern": ({"pattern": "(a+)+$"}, "a" * 10**6 + "b"),
    "format": ({"format": "regex"}, "(" * 10**6),
    "maxLength": ({"maxLength": 1}, "a" * 10**6),
    "uniqueItems": ({"uniqueItems": True}, [[n] for n in range(50_000)]),
    "contains": ({"contains": {"const": 1}, "maxContains": 2}, list(range(50_000))),
    "items": ({"items": {"type": "number"}}, [1] * 250_000 + ["x"]),
    "items of several types": (
        {"items": {"anyOf": [{"type": "number"}, {"type": "null"}]}},
        [1] * 250_000 + ["x"],
    ),
    "prefixItems": ({"prefixItems": 5000 * [{}]}, [1] * 250_000),
    "enum": ({"enum": NAMES}, "x" * 10**6),
    "enum of a giant": ({"enum": [1, 2]}, GIANT),
    "enum of giants": ({"enum": [GIANT + n for n in range(90)]}, -GIANT),
    "const": ({"const": NAMES}, NAMES),
    "minimum": ({"minimum": GIANT}, 1),
    "maximum of a giant": ({"maximum": 1.5}, GIANT),
    "multipleOf": ({"multipleOf": 7**2500}, GIANT),
    "type": ({"type": ["null", "boolean"]}, OBJECT),
    "constants": ({"properties": CONSTANTS}, OBJECT),
    "a tag": ({"properties": {"tag": {"enum": NAMES}}, "required": ["tag"]}, {"tag": "x"}),
    "not": ({"not": {"not": {"required": NAMES}}}, OBJECT),
    "if": ({"if": {"required": NAMES}, "then": {"required": NAMES}}, OBJECT),
    "dependentRequired": ({"dependentRequired": dict.fromkeys(NAMES[:1000], NAMES[:9])}, OBJECT),
}
WAYS: Final[dict[str, list[Any]]] = {
    "references": [{"$ref": "#/$defs/a"}] * REFERENCES,
    "unions": [{"anyOf": [{"$ref": "#/$defs/a"}]} for _ in range(REFERENCES // 2)],
    "unions of two": [
        {"oneOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]} for _ in range(REFERENCES // 3)
    ],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("combined", ["allOf", "anyOf", "oneOf"])
@pytest.mark.parametrize("keyword", KEYWORDS)
def test_no_keyword_takes_much_longer_however_often_it_is_referred_to(
    keyword: str, combined: str, way: str
) -> None:
    part, value = KEYWORDS[keyword]
    other = {"properties": {"tag": {"const": "other"}}, "required": NAMES[:9], "title": "b"}
    schema = {combined: WAYS[way], "$defs": {"a": part, "b": other}}
    row = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "string"}}}
    harmless = [{"a": 1.5, "b": "x"} for _ in range(MAX_STEPS // 3 - 1)]
    assert seconds(schema, value) < 20 * seconds({"type": "array", "items": row}, harmless)


@pytest.mark.parametrize(
    ("option", "equal", "other"),
    [
        (10**30, 10**30, 10**30 + 1),
        (1e30, int(1e30), 10**30),
        (2**61 - 1, 2**61 - 1, 0),
        (-(2**64), -(2.0**64), 2**64),
        (hex(2**64), hex(2**64), 2**64),
        (1, 1.0, True),
        (1.5, 1.5, 1),
    ],
)
def test_large_numbers_are_compared_by_their_values(option: Any, equal: Any, other: Any) -> None:
    schema = InputSchema(ModelCard(name="m", input_schema={"enum": [option]}))
    schema.check(equal)
    with pytest.raises(InvalidInput):
        schema.check(other)
