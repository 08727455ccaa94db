"""Rules of JSON Schema that look into arrays and objects."""

from typing import Any, Final

from gateway.registry.schema.fault import Fault
from gateway.registry.schema.steps import BULK, Steps
from gateway.registry.schema.values import CLASSES, Rule


def items_rule(item: Rule, plain: frozenset[type] | None, skipped: int) -> Rule:
    """Return the rule of ``items``, for those after the first ``skipped``.

    An item of one of the classes ``plain`` is known to fit.
    """

    def check(value: Any, steps: Steps) -> Fault | None:
        if type(value) is not list:
            return None
        if plain is not None:
            steps.take(len(value) // BULK)
            if plain.issuperset(map(type, value)):
                return None
        for place in range(skipped, len(value)):
            if plain is None or type(value[place]) not in plain:
                fault = item(value[place], steps)
                if fault is not None:
                    return fault.below(place)
        return None

    return check


def prefix_rule(items: list[Rule]) -> Rule:
    """Return the rule of ``prefixItems``, the items of a tuple."""

    def check(value: Any, steps: Steps) -> Fault | None:
        if type(value) is not list:
            return None
        for place, (item, rule) in enumerate(zip(value, items, strict=False)):
            fault = rule(item, steps)
            if fault is not None:
                return fault.below(place)
        return None

    return check


def properties_rule(rules: dict[str, Rule]) -> Rule:
    """Return the rule of ``properties``."""

    def check(value: Any, steps: Steps) -> Fault | None:
        if type(value) is not dict:
            return None
        # The smaller one is gone through: properties may be many, and so may the members be.
        names = value if len(value) < len(rules) else rules
        steps.take(len(names) // BULK)
        for name in names:
            if name in rules and name in value:
                fault = rules[name](value[name], steps)
                if fault is not None:
                    return fault.below(name)
        return None

    return check


def additional_rule(rule: Rule | None, named: frozenset[str]) -> Rule:
    """Return the rule of ``additionalProperties``, for all that are not ``named``.

    Without a rule there may be none.
    """

    def check(value: Any, steps: Steps) -> Fault | None:
        if type(value) is not dict:
            return None
        steps.take(len(value) // BULK)
        for name, member in value.items():
            if name in named:
                continue
            if rule is None:
                return Fault(name, "is an additional property, and none is allowed")
            fault = rule(member, steps)
            if fault is not None:
                return fault.below(name)
        return None

    return check


def names_rule(rule: Rule) -> Rule:
    """Return the rule of ``propertyNames``."""

    def check(value: Any, steps: Steps) -> Fault | None:
        if type(value) is dict:
            for name in value:
                fault = rule(name, steps)
                if fault is not None:
                    return fault
        return None

    return check


def plain_classes(schema: Any) -> frozenset[type] | None:
    """Return the classes of which every value fits ``schema``; None if its class says too little.

    They are those of a ``type`` alone, or of a union of such.
    """
    if not isinstance(schema, dict):
        return None
    keywords = schema.keys() - _ANNOTATIONS
    if keywords == {"type"}:
        names = schema["type"]
        return frozenset[type]().union(
            *map(CLASSES.__getitem__, [names] if isinstance(names, str) else names)
        )
    if keywords == {"anyOf"}:
        branches = [plain_classes(branch) for branch in schema["anyOf"]]
        if None not in branches:
            return frozenset[type]().union(*filter(None, branches))
    return None


_ANNOTATIONS: Final = {"title", "description", "default", "examples", "deprecated", "format"}
