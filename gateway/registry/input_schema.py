"""Input schemas: check inputs against the one that a model announces, before publishing them.

The predictor checks again, with the model's own types: what a schema cannot say is left to it, and
so is what Python reads in another way than JSON Schema does.
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
        """Anything fits."""


class InputSchema:
    """The JSON Schema of a model's inputs, compiled; one that cannot be read fits everything."""

    def __init__(self, card: ModelCard) -> None:
        self._validator: jsonschema_rs.Validator | None = None
        try:
            self._validator = jsonschema_rs.validator_for(
                card.input_schema,
                validate_formats=False,
                keywords={"pattern": _Unchecked},
                offline=True,  # what a schema refers to is neither fetched nor read from disk
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as exc:
            reason = str(exc)[:MAX_SHOWN_CHARS]
            log.warning("schema of a model cannot be read", model=card.name, reason=reason)

    def check(self, value: Any) -> None:
        """Check an input.

        Raises:
            InvalidInput: it does not fit; the sentence has the path of the fault.
        """
        if self._validator is None:
            return
        try:
            self._validator.validate(value)
        except jsonschema_rs.ValidationError as exc:
            raise InvalidInput(_sentence(exc)) from exc


def _sentence(error: jsonschema_rs.ValidationError) -> str:
    """The fault and its path, as predictors render it: ``$.features[3]``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
    return f"{_short(error.message)} - at `{_short('$' + ''.join(steps))}`."


def _short(text: str) -> str:
    """Both ends of a text that may be as long as the input."""
    if len(text) <= MAX_SHOWN_CHARS:
        return text
    return f"{text[: MAX_SHOWN_CHARS // 2]} … {text[-MAX_SHOWN_CHARS // 2 :]}"
