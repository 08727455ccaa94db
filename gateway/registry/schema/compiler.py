"""The compiler of input schemas: each subschema becomes the rules of its keywords, once."""

from collections.abc import Callable
from typing import Any, Final

from gateway.registry.schema import containers, unions, values
from gateway.registry.schema.fault import Fault
from gateway.registry.schema.references import target
from gateway.registry.schema.steps import Steps
from gateway.registry.schema.values import Rule

_MAX_REFERENCES: Final = 10
"""References that are followed from one to the next; more lead nowhere, or in a circle."""

_COMPILATION: Final = 5
_PARTS: Final = 3
"""Steps for which a subschema is compiled, and parts of it that are one step more."""

_VALUE_RULES: Final[dict[str, Callable[[str, Any], Rule | None]]] = {
    "type": lambda _, names: values.type_rule(names),
    "enum": lambda _, options: values.enum_rule(options),
    "const": lambda _, constant: values.const_rule(constant),
    "multipleOf": lambda _, divisor: values.multiple_rule(divisor),
    "required": lambda _, names: values.required_rule(names),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), values.limit_rule
    ),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
        values.size_rule,
    ),
}


class Subschema:
    """A subschema as a rule; its keywords are compiled when the first value comes."""

    __slots__ = ("_compiler", "_rules", "_schema")

    def __init__(self, compiler: "Compiler", schema: Any) -> None:
        self._compiler = compiler
        self._schema = schema
        self._rules: list[Rule] | None = None

    def __call__(self, value: Any, steps: Steps) -> Fault | None:
        """Compare a value with all keywords, until one does not fit."""
        steps.enter()
        if self._rules is None:
            steps.take(_COMPILATION + _parts(self._schema) // _PARTS)
            self._rules = self._compiler.rules(self._schema)
        fault = None
        for rule in self._rules:
            fault = rule(value, steps)
            if fault is not None:
                break
        steps.leave()
        return fault


class Compiler:
    """The rules of one schema, which is well-formed."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._known: dict[int, Subschema] = {}
        """By the identity of the schema, which ``root`` keeps alive."""
        self._targets: dict[str, Any] = {}
        self._branches: dict[int, unions.Branch] = {}
        dialect = str(root.get("$schema", "")) if isinstance(root, dict) else ""
        self._references_stand_alone = dialect.startswith("http://json-schema.org/draft-0")
        """True up to Draft 7: what is beside a reference does not count."""

    def rule(self, schema: Any) -> Rule:
        """Return the rule of a schema, which refers to its root."""
        schema = self.resolve(schema)
        return self._known.setdefault(id(schema), Subschema(self, schema))

    def resolve(self, schema: Any) -> Any:
        """Follow the references of a schema that has nothing else; return what they lead to."""
        for _ in range(_MAX_REFERENCES):
            if not isinstance(schema, dict) or schema.keys() & _COMPILED != {"$ref"}:
                return schema
            schema = self._target(schema["$ref"])
        return True

    def _target(self, reference: str) -> Any:
        if reference not in self._targets:
            self._targets[reference] = target(self._root, reference)
        return self._targets[reference]

    def rules(self, schema: Any) -> list[Rule]:
        """Compile the keywords of one subschema; those that are not compiled fit everything."""
        if schema is False:
            return [lambda value, _: Fault(value, "is not allowed here")]
        if not isinstance(schema, dict):
            return []
        if self._references_stand_alone and "$ref" in schema:
            return [self.reference(schema)]
        rules = [make(word, schema[word]) for word, make in _VALUE_RULES.items() if word in schema]
        rules += [make(self, schema) for word, make in _RULES.items() if word in schema]
        return [rule for rule in rules if rule is not None]

    def reference(self, schema: dict[str, Any]) -> Rule:
        """Compile ``$ref`` beside other keywords."""
        return self.rule(self._target(schema["$ref"]))

    def all_of(self, schema: dict[str, Any]) -> Rule:
        """Compile ``allOf``."""
        branches = [self.rule(branch) for branch in schema["allOf"]]

        def check(value: Any, steps: Steps) -> Fault | None:
            for branch in branches:
                fault = branch(value, steps)
                if fault is not None:
                    return fault
            return None

        return check

    def any_of(self, schema: dict[str, Any]) -> Rule:
        """Compile ``anyOf``."""
        return self._union(schema["anyOf"])

    def one_of(self, schema: dict[str, Any]) -> Rule:
        """Compile ``oneOf``; that no second branch fits is left to the predictor."""
        return self._union(schema["oneOf"])

    def items(self, schema: dict[str, Any]) -> Rule | None:
        """Compile ``items``, which was an array for tuples in earlier drafts."""
        if isinstance(schema["items"], list):
            return containers.prefix_rule([self.rule(item) for item in schema["items"]])
        item = self.resolve(schema["items"])
        skipped = len(schema.get("prefixItems", ()))
        return containers.items_rule(self.rule(item), containers.plain_classes(item), skipped)

    def prefix_items(self, schema: dict[str, Any]) -> Rule:
        """Compile ``prefixItems``."""
        return containers.prefix_rule([self.rule(item) for item in schema["prefixItems"]])

    def properties(self, schema: dict[str, Any]) -> Rule:
        """Compile ``properties``."""
        members = schema["properties"].items()
        return containers.properties_rule({name: self.rule(member) for name, member in members})

    def additional(self, schema: dict[str, Any]) -> Rule | None:
        """Compile ``additionalProperties``, unless patterns say which properties these are."""
        if "patternProperties" in schema:
            return None
        named = frozenset(schema.get("properties", ()))
        member = schema["additionalProperties"]
        return containers.additional_rule(None if member is False else self.rule(member), named)

    def names(self, schema: dict[str, Any]) -> Rule:
        """Compile ``propertyNames``."""
        return containers.names_rule(self.rule(schema["propertyNames"]))

    def _union(self, branches: list[Any]) -> Rule:
        resolved = [self.resolve(branch) for branch in unions.flattened(branches)]
        different = {id(branch): branch for branch in resolved}
        return unions.union_rule([self._branch(branch) for branch in different.values()])

    def _branch(self, schema: Any) -> unions.Branch:
        if id(schema) not in self._branches:
            constants = unions.constants_of(schema, self.resolve)
            self._branches[id(schema)] = unions.Branch(
                self.rule(schema), unions.types_of(schema), constants
            )
        return self._branches[id(schema)]


def _parts(schema: Any) -> int:
    values = schema.values() if isinstance(schema, dict) else ()
    return sum(len(value) for value in values if isinstance(value, list | dict))


_RULES: Final[dict[str, Callable[[Compiler, dict[str, Any]], Rule | None]]] = {
    "$ref": Compiler.reference,
    "allOf": Compiler.all_of,
    "anyOf": Compiler.any_of,
    "oneOf": Compiler.one_of,
    "prefixItems": Compiler.prefix_items,
    "items": Compiler.items,
    "properties": Compiler.properties,
    "additionalProperties": Compiler.additional,
    "propertyNames": Compiler.names,
}
_COMPILED: Final = _VALUE_RULES.keys() | _RULES.keys()
