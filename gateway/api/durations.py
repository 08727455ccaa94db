"""Durations as headers spell them: ``30``, ``30s``, ``1.5m``, ``1h30m``. No I/O."""

import re
from typing import Final

_NUMBER: Final = r"(\d{1,15}(?:\.\d{1,9})?)"
_DURATION: Final = re.compile(
    rf"(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s?)?", re.ASCII | re.IGNORECASE
)
_UNITS_S: Final = (3600, 60, 1)


def duration_s(text: str) -> float | None:
    """The seconds that ``text`` spells, more than 0; None if it spells none."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    parts = zip(match.groups(default="0"), _UNITS_S, strict=True)
    return sum(float(number) * unit_s for number, unit_s in parts) or None
