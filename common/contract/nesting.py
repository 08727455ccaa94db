"""The nesting of JSON: how many arrays and objects are open at once. No I/O.

No Python code runs for a single byte: megabytes are scanned by methods and iterators written in C,
in a time that is proportional to the size of the text, whatever is in it.
"""

from itertools import accumulate
from typing import Final

_STEP: Final = bytes(1 if c in b"[{" else 255 if c in b"]}" else c for c in range(256))
"""Translates an opening bracket to 1 and a closing one to 255, which is -1 as a signed byte."""

_NO_STEP: Final = bytes(set(range(256)) - set(b'"[]{}'))

_PAIR: Final = b"\x01\xff"
"""An array or object without others in it, translated."""

_LEVELS_REMOVED: Final = 2
"""Innermost levels to remove at once: of matrices and images, few brackets are left then."""

_LONG_STRINGS: Final = 1000
"""Strings to cut out whole, which is fastest if they are long, and costs little if they are not."""


def nests_deeper(valid_json: bytes, levels: int) -> bool:
    """Return whether more than ``levels`` arrays and objects are open at once."""
    if not _opens_more(valid_json, levels):
        return False
    steps = _steps(valid_json)
    removed = min(_LEVELS_REMOVED, levels)
    for _ in range(removed):
        steps = steps.replace(_PAIR, b"")
    return max(accumulate(memoryview(steps).cast("b")), default=0) > levels - removed


def _opens_more(valid_json: bytes, limit: int) -> bool:
    """Return whether there are more than ``limit`` opening brackets, those in strings included."""
    left = limit
    for bracket in (b"[", b"{"):
        place = valid_json.find(bracket)
        while place >= 0:
            if not left:
                return True
            left -= 1
            place = valid_json.find(bracket, place + 1)
    return False


def _steps(valid_json: bytes) -> bytes:
    """Return the brackets outside of strings, as steps of one level up or down.

    In valid JSON a backslash is in a string. Once escaped backslashes and quotes are removed, each
    quote begins or ends a string, so a bracket is in a string if the number of quotes before it is
    odd. It stays odd or even when two quotes side by side are removed.
    """
    if b"\\" in valid_json:
        valid_json = valid_json.replace(b"\\\\", b"").replace(b'\\"', b"")
    fewer = b"".join(valid_json.split(b'"', 2 * _LONG_STRINGS)[::2])
    steps = fewer.translate(_STEP, _NO_STEP).replace(b'""', b"")
    return b"".join(steps.split(b'"')[::2])
