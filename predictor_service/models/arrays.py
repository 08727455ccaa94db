"""The JSON of arrays and records, as types that msgspec converts and describes.

For models that learn the types of their inputs from a file. NumPy comes with their extras.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias, TypedDict

import numpy as np
from msgspec import Meta

from common.errors import InvalidInput

Dtype: TypeAlias = np.dtype[Any]

_LARGEST: Final = 2**63 - 1  # msgspec takes no larger bound
_SCALARS: Final[Mapping[str, Any]] = {
    "b": bool,
    "f": float,
    "M": Annotated[datetime, Meta(tz=False)],
    "S": bytes,
    "U": str,
}


def scalar(dtype: Dtype | None) -> Any:
    """Return the type of one element, an integer with the bounds of ``dtype``; any JSON for None.

    Raises:
        TypeError: JSON has no such type.
    """
    if dtype is None:
        return Any
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        most = int(bounds.max) if bounds.max <= _LARGEST else None
        return Annotated[int, Meta(ge=int(bounds.min), le=most)]
    if dtype.kind not in _SCALARS:
        raise TypeError(f"there is no JSON for elements of type {dtype}")
    return _SCALARS[dtype.kind]


def array(dtype: Dtype | None, shape: Sequence[Any]) -> Any:
    """Return a type of nested lists. A size in ``shape`` that is no number ≥ 0 is free."""
    if not shape:
        return scalar(dtype)
    size, *rest = shape
    rows: Any = list.__class_getitem__(array(dtype, rest))
    if isinstance(size, int) and size >= 0:
        return Annotated[rows, Meta(min_length=size, max_length=size)]
    return rows


def record(name: str, fields: Mapping[str, Any]) -> Any:
    """Return the type of an object with these fields; msgspec converts it to a dict."""
    make: Any = TypedDict  # unlike a class, takes any name for a field
    return make(name, dict(fields))


def to_array(value: Any, dtype: Dtype | None) -> Any:
    """Convert nested lists to an array.

    Raises:
        InvalidInput: the lists are no array, or a number is too large for ``dtype``.
    """
    try:
        with np.errstate(over="raise"):
            return np.asarray(value, dtype=object if dtype is None or dtype.kind == "U" else dtype)
    except (ArithmeticError, ValueError) as exc:
        raise InvalidInput(f"The input is no array of {dtype}: {exc}.") from exc
