"""A decoder of JSON whose time is bounded by the size of its input, whatever numbers are in it.

msgspec takes up to 13 µs for a number near either end of the range of doubles, such as ``1e308``:
1 MiB of them would stop an event loop for more than two seconds. Python's ``float`` takes at most
1 µs, and is called where there may be such numbers. It takes longest for those that are nearly 0.
"""

import math
import re
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

T = TypeVar("T")

_UNTYPED: Final = (Any, dict[str, Any])
_APART_FROM_NUMBERS: Final = bytes(set(range(256)) - set(b"0123456789+-eE,"))
_long_exponent = re.compile(rb"[eE][-+]?[0-9]{3}").search


def _float(text: str) -> float:
    if "331" <= text[-3:] <= "999" and len(text) < 12 and "-" in text[1:]:  # below 1e-325
        return -0.0 if text[0] == "-" else 0.0
    value = float(text)
    if math.isinf(value):
        raise ValueError("Number out of range")  # in the words of msgspec
    return value


class JsonDecoder(Generic[T]):
    """A decoder to the type ``kind``, with the results and the errors of ``msgspec.json.Decoder``.

    Types with a ``Decimal`` or a ``msgspec.Raw`` in them are decoded by msgspec alone, since these
    are made from the text of a number; doubles beside them are not bounded.
    """

    def __init__(self, kind: type[T] | Any) -> None:
        """Prepare the decoder.

        Raises:
            TypeError: msgspec cannot decode to this type.
        """
        self._kind = kind
        self._is_untyped = kind in _UNTYPED
        parts = repr(msgspec.inspect.type_info(kind))
        self._needs_text = "RawType(" in parts or "DecimalType(" in parts
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)
        self._untyped_decoder = msgspec.json.Decoder(
            kind if self._is_untyped else Any, float_hook=_float
        )

    def decode(self, data: bytes) -> T:
        """Decode ``data``.

        Raises:
            msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError: as
                msgspec raises them; or whatever the code of the type raises.
        """
        if (b"e" not in data and b"E" not in data) or self._needs_text:
            return self._decoder.decode(data)
        if self._is_untyped:
            return cast(T, self._untyped_decoder.decode(data))
        if not _has_long_exponent(data):
            return self._decoder.decode(data)
        value: T = msgspec.convert(self._untyped_decoder.decode(data), self._kind, str_keys=True)
        return value


def _has_long_exponent(data: bytes) -> bool:
    """Return whether there may be a number with an exponent of three digits.

    Text may look so without what is left out here to save nine tenths of the time.
    """
    return _long_exponent(data.translate(None, _APART_FROM_NUMBERS)) is not None
