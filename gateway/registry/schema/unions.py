"""The rule of unions: ``anyOf`` and ``oneOf``, with as few branches looked into as possible.

Branches are told apart by the type of the value, and those for objects by a tag, a property that
has other constants in each. So an input that does not fit gets the fault of the branch it was meant
for, and one branch at each level costs no more than a schema without unions. Where branches cannot
be told apart, all of them are tried, and what is in the value is compared once for each: the steps
of the check then bound how often.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from gateway.registry.schema.fault import Fault
from gateway.registry.schema.steps import Steps
from gateway.registry.schema.values import CLASSES, Rule, listed_types

Resolve = Callable[[Any], Any]
"""Follows the references of a schema that has nothing else."""

ANY: Final = tuple(CLASSES)
"""The types of a schema that does not say which."""


class Branch(NamedTuple):
    """A branch of a union: its rule, the types of values it may take, and its constants.

    ``constants`` are the texts that a property may have, by its name.
    """

    rule: Rule
    types: tuple[str, ...]
    constants: dict[str, frozenset[str]]

    @property
    def classes(self) -> frozenset[type]:
        """The classes of the values that may fit."""
        return _CLASSES[self.types] if self.types in _CLASSES else _classes(self.types)

    @property
    def weight(self) -> int:
        """The number of names and texts that are looked at to tell the branch from others."""
        return sum(1 + len(texts) for texts in self.constants.values())


def _classes(types: tuple[str, ...]) -> frozenset[type]:
    # A number without a fraction is an integer, in whichever way it is written.
    names = ("number" if name == "integer" else name for name in types)
    return frozenset[type]().union(*map(CLASSES.__getitem__, names))


_CLASSES: Final = {types: _classes(types) for types in [*((name,) for name in CLASSES), ANY]}


def union_rule(branches: list[Branch]) -> Rule:
    """Return the rule of a union: one of the branches fits, or more."""
    union: _Union | None = None

    def check(value: Any, steps: Steps) -> Fault | None:
        nonlocal union
        if union is None:
            steps.take(sum(branch.weight for branch in branches) // _INDEXED)
            union = _Union(branches)
        rules = union.by_class[type(value)]
        if not rules:
            return Fault(value, union.unexpected)
        tag = union.tag
        if tag is not None and type(value) is dict and type(value.get(tag)) is str:
            rules = union.by_tag.get(value[tag], [])
            if not rules:
                return Fault(value[tag], "is not a tag of the union").below(tag)
        fault = None
        for rule in rules:
            fault = rule(value, steps)
            if fault is None:
                return None
        return fault if len(rules) == 1 else Fault(value, "does not fit any branch of the union")

    return check


_INDEXED: Final = 5
"""Names and texts that are put into the index of a union in the time of one step."""


class _Union:
    """The rules of the branches of a union, by what tells them apart."""

    def __init__(self, branches: list[Branch]) -> None:
        self.by_class = _by_class(branches)
        self.tag, self.by_tag = _tagged([branch for branch in branches if dict in branch.classes])
        names = sorted({name for branch in branches for name in branch.types})
        self.unexpected = f"is not of {listed_types(names)}"


def _by_class(branches: list[Branch]) -> dict[type, list[Rule]]:
    by_class: dict[type, list[Rule]] = {each: [] for each in _CLASSES[ANY]}
    for branch in branches:
        for each in branch.classes:
            by_class[each].append(branch.rule)
    return by_class


def _tagged(branches: list[Branch]) -> tuple[str | None, dict[str, list[Rule]]]:
    """Return the property whose constants tell the branches apart, and the branches of each."""
    if len(branches) > 1:
        for name in branches[0].constants:
            if all(name in branch.constants for branch in branches):
                by_tag: dict[str, list[Rule]] = {}
                for branch in branches:
                    for constant in branch.constants[name]:
                        by_tag.setdefault(constant, []).append(branch.rule)
                return name, by_tag
    return None, {}


def flattened(branches: list[Any]) -> list[Any]:
    """Return the branches, with those of a branch that is a union itself in its place."""
    flat: list[Any] = []
    for branch in branches:
        if isinstance(branch, dict) and branch.keys() <= {"anyOf", "discriminator"}:
            flat += flattened(branch.get("anyOf", []))
        else:
            flat.append(branch)
    return flat


def types_of(schema: Any) -> tuple[str, ...]:
    """Return the types of the values that a schema may take, by its own ``type``."""
    if not isinstance(schema, dict) or "type" not in schema:
        return ANY
    return (schema["type"],) if isinstance(schema["type"], str) else tuple(schema["type"])


def constants_of(schema: Any, resolve: Resolve) -> dict[str, frozenset[str]]:
    """Return the properties of a schema that are constant texts, each with its values."""
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        return {}
    found: dict[str, frozenset[str]] = {}
    for name, member in schema["properties"].items():
        resolved = resolve(member)
        if isinstance(resolved, dict) and ("enum" in resolved or "const" in resolved):
            values = resolved.get("enum", [resolved.get("const")])
            if values and all(isinstance(value, str) for value in values):
                found[name] = frozenset(values)
    return found
