"""Rules of JSON Schema that look at a value by itself, without what is in it."""

import operator
import sys
from collections.abc import Callable, Sized
from typing import Any, Final

from gateway.registry.schema.fault import Fault, shown
from gateway.registry.schema.steps import BULK, Steps

Rule = Callable[[Any, Steps], Fault | None]
"""Compares one value with one keyword, or with all of a schema."""

_MAX_SHOWN_OPTIONS: Final = 10
NUMBERS: Final = frozenset((int, float))
CLASSES: Final[dict[str, frozenset[type]]] = {
    "null": frozenset((type(None),)),
    "boolean": frozenset((bool,)),
    "string": frozenset((str,)),
    "array": frozenset((list,)),
    "object": frozenset((dict,)),
    "number": NUMBERS,
    "integer": frozenset((int,)),  # and floats without a fraction
}
"""Classes of the values of each type of JSON Schema. ``True`` is no number, as in JSON."""


def type_rule(names: Any) -> Rule | None:
    """Return the rule of ``type``, one name or several."""
    names = [names] if isinstance(names, str) else names
    classes = frozenset[type]().union(*map(CLASSES.__getitem__, names))
    takes_whole_floats = "integer" in names and "number" not in names
    text = f"is not of {listed_types(names)}"

    def check(value: Any, _: Steps) -> Fault | None:
        if type(value) in classes:
            return None
        if takes_whole_floats and type(value) is float and value.is_integer():
            return None
        return Fault(value, text)

    return check


def listed_types(names: list[str]) -> str:
    """Return names of types as a sentence has them."""
    return ("type " if len(names) == 1 else "types ") + ", ".join(f'"{name}"' for name in names)


def enum_rule(options: list[Any]) -> Rule | None:
    """Return the rule of ``enum``; arrays and objects among the options are left out of it."""
    if not options:
        return None
    has_containers = any(isinstance(option, list | dict) for option in options)
    known = frozenset(map(_key, options))
    expected = _listed(options)

    def check(value: Any, _: Steps) -> Fault | None:
        if isinstance(value, list | dict):
            return None if has_containers else Fault(value, expected)
        return None if _key(value) in known else Fault(value, expected)

    return check


def const_rule(constant: Any) -> Rule | None:
    """Return the rule of ``const``; an array or object is not compared."""
    check_option = enum_rule([constant])

    def check(value: Any, steps: Steps) -> Fault | None:
        assert check_option is not None
        return Fault(constant, "was expected") if check_option(value, steps) else None

    return check


def _key(value: Any) -> tuple[str, Any]:
    """Return what is the same for equal values: ``1`` and ``1.0``, but not ``1`` and ``True``.

    Python's hash of a number is its remainder, which anyone can make the same for thousands of
    large ones. That of a text is keyed.
    """
    if isinstance(value, list | dict):
        return "container", None
    if isinstance(value, bool):
        return "boolean", value
    is_large = isinstance(value, int | float) and not -_HASH_MODULUS < value < _HASH_MODULUS
    return ("large", hex(int(value))) if is_large else ("value", value)


_HASH_MODULUS: Final = sys.hash_info.modulus


def _listed(options: list[Any]) -> str:
    texts = [shown(option) for option in options[:_MAX_SHOWN_OPTIONS]]
    if len(options) > _MAX_SHOWN_OPTIONS:
        texts.append(f"{len(options) - _MAX_SHOWN_OPTIONS} others")
    *first, last = texts
    return "is not one of " + (f"{', '.join(first)} or {last}" if first else last)


def limit_rule(keyword: str, limit: Any) -> Rule | None:
    """Return the rule of a keyword that bounds a number; Draft 4's flags are none."""
    exceeds, relation = _LIMITS[keyword]
    if type(limit) not in NUMBERS:
        return None
    text = f"is {relation} of {shown(limit)}"

    def check(value: Any, _: Steps) -> Fault | None:
        if type(value) in NUMBERS and exceeds(value, limit):
            return Fault(value, text)
        return None

    return check


_LIMITS: Final = {
    "minimum": (operator.lt, "less than the minimum"),
    "maximum": (operator.gt, "greater than the maximum"),
    "exclusiveMinimum": (operator.le, "less than or equal to the minimum"),
    "exclusiveMaximum": (operator.ge, "greater than or equal to the maximum"),
}


def multiple_rule(divisor: Any) -> Rule | None:
    """Return the rule of ``multipleOf``, for integers: fractions have no exact remainder."""
    if type(divisor) is not int or divisor < 1:
        return None
    text = f"is not a multiple of {shown(divisor)}"

    def check(value: Any, steps: Steps) -> Fault | None:
        if type(value) is not int:
            return None
        steps.take(value.bit_length() // _DIVIDED_BITS)
        return Fault(value, text) if value % divisor else None

    return check


_DIVIDED_BITS: Final = 256
"""Bits of a large integer that are divided in the time of one step."""


def size_rule(keyword: str, limit: Any) -> Rule | None:
    """Return the rule of a keyword that bounds the size of a text, an array or an object."""
    kind, exceeds, relation, one, several = _SIZES[keyword]
    text = f"{relation} {shown(limit)} {one if limit == 1 else several}"

    def check(value: Any, _: Steps) -> Fault | None:
        if isinstance(value, kind) and exceeds(len(value), limit):
            return Fault(value, text)
        return None

    return check


_SIZES: Final[dict[str, tuple[type[Sized], Callable[[int, Any], bool], str, str, str]]] = {
    "minLength": (str, operator.lt, "is shorter than", "character", "characters"),
    "maxLength": (str, operator.gt, "is longer than", "character", "characters"),
    "minItems": (list, operator.lt, "has less than", "item", "items"),
    "maxItems": (list, operator.gt, "has more than", "item", "items"),
    "minProperties": (dict, operator.lt, "has less than", "property", "properties"),
    "maxProperties": (dict, operator.gt, "has more than", "property", "properties"),
}


def required_rule(names: Any) -> Rule | None:
    """Return the rule of ``required``; Draft 3's flag is none."""
    if not isinstance(names, list):
        return None
    expected = frozenset(names)

    def check(value: Any, steps: Steps) -> Fault | None:
        if type(value) is not dict:
            return None
        steps.take(len(expected) // BULK)
        if expected <= value.keys():
            return None
        missing = next(name for name in names if name not in value)
        return Fault(missing, "is a required property")

    return check
