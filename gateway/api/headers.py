"""Values of request headers: ``Prefer`` (RFC 7240), durations, idempotency keys. No I/O.

A preference that is unknown, malformed or repeated is ignored, not refused.
"""

import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from common.errors import MalformedHeader

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'

_PREFERENCE: Final = re.compile(
    rf"\s*(?P<name>{_TOKEN})\s*(?:=\s*(?:(?P<value>{_TOKEN}|{_QUOTED})\s*)?)?(?:;.*)?", re.DOTALL
)
"""A name, an optional value, and parameters, which no honoured preference has."""

_BETWEEN_COMMAS: Final = re.compile(rf'(?:[^,"]|{_QUOTED}|")+', re.DOTALL)

HONOURED: Final = ("respond-async", "wait")

MAX_HEADER_CHARS: Final = 1000
"""A longer header is ignored: it would take long to parse."""

MAX_WAIT_S: Final = 10**9
"""Longer waits are cut to this one; no gateway waits nearly as long."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """The preferences that a gateway honours.

    ``respond_async``: the client prefers an id now to a result later. ``wait_s``: whole seconds
    that the client is ready to wait; None if they are not given.
    """

    respond_async: bool = False
    wait_s: int | None = None

    @classmethod
    def read(cls, headers: Iterable[str], meaningful: Collection[str] = HONOURED) -> Self:
        """Read the ``Prefer`` headers of a request; only ``meaningful`` preferences count.

        Of a repeated preference the first counts. No header raises an error.
        """
        values: dict[str, str] = {}
        for name, value in _preferences(headers):
            if name in meaningful:
                values.setdefault(name, value)
        return cls(
            respond_async=values.get("respond-async") == "",
            wait_s=whole_seconds(values.get("wait", "")),
        )

    def within(self, longest_wait_s: float) -> Self:
        """Return these preferences with the wait cut to ``longest_wait_s``, rounded up."""
        if self.wait_s is None or self.wait_s <= longest_wait_s:
            return self
        return replace(self, wait_s=math.ceil(longest_wait_s))

    def applied(self) -> str:
        """Render these preferences as a ``Preference-Applied`` header; empty if there are none."""
        applied = ["respond-async"] if self.respond_async else []
        if self.wait_s is not None:
            applied.append(f"wait={self.wait_s}")
        return ", ".join(applied)


def whole_seconds(text: str) -> int | None:
    """Parse ``delta-seconds`` (RFC 9110), cut to ``MAX_WAIT_S``; None if they are malformed."""
    if not (text.isascii() and text.isdecimal()):
        return None
    digits = text.lstrip("0") or "0"
    return int(digits) if len(digits) < len(str(MAX_WAIT_S)) else MAX_WAIT_S


def _preferences(headers: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each well-formed preference: its name in lower case and its value, unquoted."""
    for header in headers:
        if len(header) > MAX_HEADER_CHARS:
            continue
        for between_commas in _BETWEEN_COMMAS.findall(header):
            if found := _PREFERENCE.fullmatch(between_commas):
                yield found["name"].lower(), _unquoted(found["value"] or "")


def _unquoted(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word


_NUMBER: Final = r"(\d{1,15}(?:\.\d{1,9})?)"
_DURATION: Final = re.compile(
    rf"(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s?)?", re.ASCII | re.IGNORECASE
)
_UNITS_S: Final = (3600, 60, 1)


def duration_s(text: str) -> float | None:
    """Parse a duration, like ``1h30m``, into seconds; None if it is malformed or 0."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    parts = zip(match.groups(default="0"), _UNITS_S, strict=True)
    return sum(float(number) * unit_s for number, unit_s in parts) or None


_ESCAPED_CHAR: Final = re.compile(r"\\(.)")
_QUOTED_KEY: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"')  # RFC 9651, section 3.3.3
_PLAIN_KEY: Final = re.compile(r"[ -~]{1,255}")


def read_idempotency_key(fields: Sequence[str]) -> str | None:
    """Read the key from a request's ``Idempotency-Key`` fields; None if there are none.

    The IETF draft defines a string in quotes, but most clients send the key without quotes. Both
    forms stand for the same key.

    Raises:
        MalformedHeader: the fields are not one key of 1 to 255 printable ASCII characters.
    """
    if not fields:
        return None
    key = fields[0].strip(" \t")
    if key.startswith('"'):
        quoted = _QUOTED_KEY.fullmatch(key)
        key = _ESCAPED_CHAR.sub(r"\1", quoted[1]) if quoted else ""
    if len(fields) > 1 or not _PLAIN_KEY.fullmatch(key):
        raise MalformedHeader(
            "Idempotency-Key has to be one key of 1 to 255 printable ASCII characters."
        )
    return key
