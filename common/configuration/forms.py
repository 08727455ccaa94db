"""The forms of settings' values: the words for a form, and the way from text to value.

No error contains the text that it refuses: it may be a password, or a URL with one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, PlainValidator

from common.configuration.names import SERVICE_LINK

LARGEST: Final = 2**63 - 1
"""The largest whole number of a setting that has no bound of its own."""

LONGEST_S: Final = 315_360_000.0
"""Ten years, the longest duration that RabbitMQ and every timer count."""

MAX_DIGITS: Final = 40

_NUMBER: Final = re.compile(r"\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Form:
    """The form of a setting's value, as metadata of its type.

    ``expected`` continues the sentence "It has to be". ``parse`` returns the value of a text, or
    raises ``ValueError``, without words if ``expected`` says enough.
    """

    expected: str
    parse: Callable[[str], object]

    def read(self, text: str) -> object:
        """Return the value of ``text``.

        Raises:
            ValueError: the text has another form; the words say which is expected.
        """
        if not is_utf8(text):
            raise ValueError(f"has bytes that are no UTF-8; expected {self.expected}")
        try:
            return self.parse(text)
        except ValueError as exc:
            reason = f"{exc}; " if str(exc) else ""
            raise ValueError(f"{reason}expected {self.expected}") from None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Have pydantic read texts by this form alone, and take other values as they are."""
        validator = PlainValidator(
            lambda value: self.read(value) if isinstance(value, str) else value
        )
        return validator.__get_pydantic_core_schema__(source, handler)


def is_utf8(text: str) -> bool:
    """Tell whether a text of the environment was UTF-8 there."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def whole(least: int, most: int = LARGEST) -> Form:
    """Return the form of whole numbers from ``least`` to ``most``."""
    at_most = f"{least} to {most}" if most < LARGEST else f"{least} on"

    def parse(text: str) -> int:
        if SERVICE_LINK.match(text):
            raise ValueError(
                "was set by Kubernetes for a Service of that name: set enableServiceLinks: false "
                "in the pod's specification, or the variable itself"
            )
        value = Decimal(_digits(text))
        if not least <= value <= most or value % 1:
            raise ValueError
        return int(value)

    return Form(f"a whole number from {at_most}", parse)


def number(unit: str, most: float = LONGEST_S, *, can_be_zero: bool = False) -> Form:
    """Return the form of numbers of a ``unit``, above 0 or from 0, up to ``most``."""
    least = "from 0" if can_be_zero else "above 0"

    def parse(text: str) -> float:
        value = float(_digits(text))
        if value > most or (value == 0 and not can_be_zero):
            raise ValueError
        return value

    return Form(f"a number of {unit} {least} to {most:.10g}", parse)


def choice(*names: str, ignores_case: bool = False) -> Form:
    """Return the form of one of ``names``, which are in lower case."""

    def parse(text: str) -> str:
        value = text.lower() if ignores_case else text
        if value not in names:
            raise ValueError
        return value

    return Form(f"{', '.join(names[:-1])} or {names[-1]}", parse)


def anything(expected: str) -> Form:
    """Return the form of any text in UTF-8."""
    return Form(expected, str)


def text(what: str, max_bytes: int) -> Form:
    """Return the form of texts without control characters, which ``what`` describes."""

    def parse(value: str) -> str:
        if _CONTROL.search(value):
            raise ValueError("has a line break or another control character")
        if len(value.encode()) > max_bytes:
            raise ValueError("is too long")
        return value

    return Form(f"{what} of at most {max_bytes} bytes", parse)


def matching(pattern: str, expected: str) -> Form:
    """Return the form of texts that ``pattern`` matches from beginning to end."""
    compiled = re.compile(pattern, re.ASCII)

    def parse(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError
        return value

    return Form(expected, parse)


def form_of(metadata: list[Any]) -> Form:
    """Return the form among the metadata of a field's type."""
    (form,) = (each for each in metadata if isinstance(each, Form))
    return form


def _digits(text: str) -> str:
    """Return a number without the white space around it, in characters that Python's types read.

    Python itself reads digits of any script, ``1_000``, ``inf`` and ``nan``, too.
    """
    stripped = text.strip()
    if len(stripped) > MAX_DIGITS or not _NUMBER.fullmatch(stripped):
        raise ValueError
    return stripped
