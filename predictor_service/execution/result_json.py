"""From the result of a model to JSON. No I/O."""

import math
from typing import Any

import msgspec


def encode_result(result: Any) -> bytes:
    """Encode a result as JSON; NumPy's scalars and arrays become numbers and lists.

    Raises:
        TypeError, ValueError: the result is no JSON; NaN and infinity are not either.
    """
    encoded = msgspec.json.encode(result, enc_hook=_plain)
    # msgspec writes NaN and infinity as null: a result with a null in it may have had one.
    if b"null" in encoded and not _is_finite(msgspec.to_builtins(result, enc_hook=_plain)):
        raise ValueError("the result holds NaN or infinity, which JSON does not have")
    return encoded


def _plain(value: Any) -> Any:
    """Convert NumPy's types, by the method that all of them have: NumPy need not be installed."""
    if to_list := getattr(value, "tolist", None):
        return to_list()
    raise TypeError(f"a result of type {type(value).__name__} is not JSON")


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_finite, value))
    return True
