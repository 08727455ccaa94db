"""The keywords of JSON Schema, from Draft 4 on, whose values are schemas."""

from typing import Final

ONE: Final = frozenset(
    {
        *("additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if"),
        *("items", "not", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
    }
)
"""Keywords with one schema."""

SEVERAL: Final = frozenset({"allOf", "anyOf", "items", "oneOf", "prefixItems"})
"""Keywords with an array of schemas."""

NAMED: Final = frozenset(
    {
        *("$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties"),
        "properties",
    }
)
"""Keywords with an object of schemas, by names of any kind."""
