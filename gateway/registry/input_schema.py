"""Input schemas: checks of inputs against the schema that a model announces.

The predictor checks again, with the model's own types: rules that a schema cannot express are left
to it, and so are those that Python and JSON Schema interpret in different ways.
"""

from typing import Any, Final

import jsonschema_rs
import structlog

from common.contract.announcement import ModelCard
from common.errors import InvalidInput

MAX_SHOWN_CHARS: Final = 200
"""Length of the part of an input that a sentence repeats."""

log = structlog.get_logger()


class _Unchecked:
    """A keyword that is left to the predictor: ``\\d`` and ``$`` mean other things in Python."""

    def __init__(self, *_: Any) -> None: ...

    def validate(self, _: Any) -> None:
        """Accept any value."""


class InputSchema:
    """The JSON Schema of a model's inputs, compiled; a malformed one fits everything."""

    def __init__(self, card: ModelCard) -> None:
        self._validator: jsonschema_rs.Validator | None = None
        try:
            self._validator = jsonschema_rs.validator_for(
                card.input_schema,
                validate_formats=False,
                keywords={"pattern": _Unchecked},
                offline=True,  # references are neither fetched nor read from disk
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as exc:
            reason = str(exc)[:MAX_SHOWN_CHARS]
            log.warning("schema of a model cannot be read", model=card.name, reason=reason)

    def check(self, value: Any) -> None:
        """Check an input.

        Raises:
            InvalidInput: the input does not fit; the sentence has the path of the fault.
        """
        if self._validator is None:
            return
        try:
            self._validator.validate(value)
        except jsonschema_rs.ValidationError as exc:
            raise InvalidInput(_sentence(exc)) from exc


def _sentence(error: jsonschema_rs.ValidationError) -> str:
    """Render the fault and its path, as predictors do: ``$.features[3]``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
    return f"{_short(error.message)} - at `{_short('$' + ''.join(steps))}`."


def _short(text: str) -> str:
    """Return both ends of a text, which may be as long as the input."""
    if len(text) <= MAX_SHOWN_CHARS:
        return text
    return f"{text[: MAX_SHOWN_CHARS // 2]} … {text[-MAX_SHOWN_CHARS // 2 :]}"
