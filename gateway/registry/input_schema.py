"""Input schemas: checks of inputs against the schema that a model announces.

The predictor checks again, with the model's own types. So what a schema says is checked here as far
as that is certain and quick; the rest is left to the predictor. That is: patterns and formats,
which Python and JSON Schema interpret in different ways; ``not``, ``if`` and whatever else is not
compiled; schemas that are put together of several with an ``$id``; and what is left of an input
when all steps of its check are taken.
"""

from typing import Any

from common.contract.announcement import ModelCard
from common.errors import InvalidInput
from gateway.registry.schema.compiler import Compiler
from gateway.registry.schema.steps import OutOfSteps, Steps
from gateway.registry.schema.wellformed import has_resources, subschemas


class InputSchema:
    """The JSON Schema of a model's inputs, which is well-formed: see ``wellformed.py``."""

    def __init__(self, card: ModelCard) -> None:
        self.card = card
        schema = {} if has_resources(subschemas(card.input_schema)) else card.input_schema
        self._rule = Compiler(schema).rule(schema)

    def check(self, value: Any) -> None:
        """Check an input, in a time that is bounded whatever the schema and the input are.

        Raises:
            InvalidInput: the input does not fit; the sentence has the path of the fault.
        """
        try:
            fault = self._rule(value, Steps())
        except OutOfSteps:
            return
        if fault is not None:
            raise InvalidInput(fault.sentence)
