"""The reader of field tables, such as headers (AMQP, 4.2.5.5, with RabbitMQ's types). No I/O.

pamqp copies the rest of a table for each of its fields and descends without a limit, so a header of
128 kB could take it seconds.
"""

import struct
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

MAX_DEPTH: Final = 32
"""The number of tables and lists that may be nested in a table."""

_length = struct.Struct(">I").unpack_from
_decimal = struct.Struct(">BI").unpack_from
_timestamp = struct.Struct(">Q").unpack_from
_long = struct.Struct(">q").unpack_from

_STRING, _TABLE, _LIST, _BYTE_ARRAY, _DECIMAL, _TIMESTAMP = b"SFAxDT"
_VOIDS: Final = b"V\x00"

# https://www.rabbitmq.com/amqp-0-9-1-errata.html#section_3
_LAYOUTS: Final = dict(zip(b"tbBsuIilLfd", "?bBhHiIqqfd", strict=True))
_LONGS: Final = b"lL"
_NUMBERS: Final = {kind: struct.Struct(f">{layout}") for kind, layout in _LAYOUTS.items()}
_SIZES: Final = {kind: number.size for kind, number in _NUMBERS.items()} | {
    _DECIMAL: 5,
    _TIMESTAMP: 8,
    _VOIDS[0]: 0,
    _VOIDS[1]: 0,
}
"""The sizes of values that have no length before them."""


def read_table(data: bytes, at: int, depth: int = 0) -> tuple[dict[str, Any], int]:
    """Return the table that begins at ``at``, its values as pamqp reads them, and its end.

    Raises:
        ValueError, IndexError, OverflowError, OSError, struct.error: this is no table, it is nested
            deeper than ``MAX_DEPTH``, or a key or a timestamp in it cannot be read.
    """
    if depth > MAX_DEPTH:
        raise ValueError("a table is nested too deep")
    at, end = _extent(data, at)
    table = {}
    while at < end:
        key_end = at + 1 + data[at]
        key = data[at + 1 : key_end].decode()
        table[key], at = _read_value(data, key_end, depth)
    if at != end:
        raise ValueError("a field is longer than its table")
    return table, at


def find_long(data: bytes, at: int, key: bytes) -> int | None:
    """Return the 64-bit integer under ``key`` of the table at ``at``, or None.

    Values beside it may be such that ``read_table`` refuses the table; none is read.

    Raises:
        ValueError, IndexError, struct.error: this is no table.
    """
    at, end = _extent(data, at)
    while at < end:
        key_end = at + 1 + data[at]
        kind, start = data[key_end], key_end + 1
        if data[at + 1 : key_end] == key and kind in _LONGS:
            number: int = _long(data, start)[0]
            return number
        at = start + _SIZES[kind] if kind in _SIZES else _extent(data, start)[1]
    return None


def read_timestamp_s(data: bytes, at: int) -> float:
    """Return a timestamp in Unix seconds; one after the year 2106 counts as milliseconds."""
    number: int = _timestamp(data, at)[0]
    return number if number < 2**32 else number / 1000


def _extent(data: bytes, at: int) -> tuple[int, int]:
    """Return where a value that has its length before it begins and ends."""
    start = at + 4
    end: int = start + _length(data, at)[0]
    if end > len(data):
        raise ValueError("a field is longer than its frame")
    return start, end


def _read_value(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    kind, at = data[at], at + 1
    if kind == _STRING:
        start, end = _extent(data, at)
        try:
            return data[start:end].decode(), end
        except UnicodeDecodeError:  # a string may hold any bytes
            return data[start:end], end
    number = _NUMBERS.get(kind)
    if number is not None:
        return number.unpack_from(data, at)[0], at + number.size
    return _read_rare_value(kind, data, at, depth)


def _read_rare_value(kind: int, data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if kind == _TABLE:
        return read_table(data, at, depth + 1)
    if kind == _LIST:
        return _read_list(data, at, depth + 1)
    if kind == _BYTE_ARRAY:
        start, end = _extent(data, at)
        return bytearray(data[start:end]), end
    if kind == _DECIMAL:
        decimals, digits = _decimal(data, at)
        return Decimal(digits) * (Decimal(10) ** -decimals), at + 5
    if kind == _TIMESTAMP:
        return datetime.fromtimestamp(read_timestamp_s(data, at), UTC), at + 8
    if kind in _VOIDS:
        return None, at
    raise ValueError(f"fields have no type {chr(kind)!r}")


def _read_list(data: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    if depth > MAX_DEPTH:
        raise ValueError("a list is nested too deep")
    at, end = _extent(data, at)
    values = []
    while at < end:
        value, at = _read_value(data, at, depth)
        values.append(value)
    if at != end:
        raise ValueError("a field is longer than its list")
    return values, at
