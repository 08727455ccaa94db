"""A fault of an input: what does not fit, and where."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

MAX_SHOWN_CHARS: Final = 200
"""Length of the part of an input, or of a path, that a sentence repeats."""


class Fault:
    """A fault of the value at ``path``, whose steps are added from the inside outwards.

    ``text`` says what the value does wrong. The sentence is written only when it is asked for: the
    faults of the branches of a union are many, and most of them are dropped.
    """

    __slots__ = ("_path", "_text", "_value")

    def __init__(self, value: Any, text: str) -> None:
        self._value = value
        self._text = text
        self._path: list[str | int] = []

    def below(self, step: str | int) -> "Fault":
        """Return this fault as one of the value that has the faulty one at ``step``."""
        self._path.append(step)
        return self

    @property
    def sentence(self) -> str:
        """The fault and its path, as predictors write them: ``$.features[3]``."""
        steps = "".join(
            f"[{step}]" if isinstance(step, int) else f".{step}" for step in reversed(self._path)
        )
        return f"{shown(self._value)} {self._text} - at `{shortened('$' + steps)}`."


def shown(value: Any) -> str:
    """Return a value as JSON; of a long one only the beginning is written at all."""
    if isinstance(value, str):
        return shortened(msgspec.json.encode(shortened(value)).decode())
    text = ""
    for part in _parts(value):
        text += part
        if len(text) > MAX_SHOWN_CHARS:
            return f"{text[:MAX_SHOWN_CHARS]} …"
    return text


def _parts(value: Any) -> Iterator[str]:
    """Yield the JSON of a value in pieces, so that no more is written than is shown."""
    if isinstance(value, dict):
        yield "{"
        for place, (name, member) in enumerate(value.items()):
            yield f"{',' * bool(place)}{_json(name)}:"
            yield from _parts(member)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for place, item in enumerate(value):
            yield "," * bool(place)
            yield from _parts(item)
        yield "]"
    else:
        yield _json(value)


def _json(value: Any) -> str:
    text = value[: MAX_SHOWN_CHARS + 1] if isinstance(value, str) else value
    return msgspec.json.encode(text).decode()


def shortened(text: str) -> str:
    """Return both ends of a text, which may be as long as the input."""
    if len(text) <= MAX_SHOWN_CHARS:
        return text
    return f"{text[: MAX_SHOWN_CHARS // 2]} … {text[-MAX_SHOWN_CHARS // 2 :]}"
