"""The JSON decoder: msgspec's results and errors, in a time bounded by the size of the input."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.contract.json_decoder import JsonDecoder

MIB: Final = 2**20
TIMES_HARMLESS: Final = 40
"""The bound of the slowest numbers, by numbers like 1.5; without it: 350 times as long."""


class Tree(msgspec.Struct):
    """A type that is made of itself."""

    leaves: list[float]
    branches: dict[int, "Tree"] = {}
    unread: msgspec.UnsetType | None = msgspec.UNSET


class Unread(msgspec.Struct):
    """A type with a part that is not read."""

    x: msgspec.Raw
    y: float = 0


KINDS: Final = (
    Any,
    dict[str, Any],
    int,
    list[float],
    list[float | str],
    list[Decimal],
    Tree,
    Unread,
)
FORMS: Final = (
    "%s",
    "[%s]",
    '["e1e300", %s]',
    '{"a": [%s], "the e123": 1}',
    '{"leaves": [%s], "branches": {"1": {"leaves": []}}}',
    '{"leaves": [%s], "branches": {"x": 1}}',
    '{"x": [%s]}',
)
NUMBERS: Final = st.builds(
    "{}{}e{}{}".format,
    st.sampled_from(["", "-"]),
    st.from_regex(r"\A(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?\Z"),
    st.sampled_from(["", "-", "+", "-0", "00"]),
    st.integers(0, 600),
) | st.floats(allow_nan=False, allow_infinity=False).map(repr)


def outcome(decode: Callable[[bytes], Any], data: bytes) -> Any:
    """Return the value, or that there is none: of two errors, either may be found first."""
    try:
        return decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "an error"


@given(st.lists(NUMBERS, min_size=1, max_size=4), st.sampled_from(FORMS), st.sampled_from(KINDS))
@example(["1e308"], "[%s]", list[float])
@example(["1e309"], "[%s]", dict[str, Any])
@example(["1e-330", "1e-331", "99999e-331", "999999e-331", "-1E-0500", "3.31", "-331"], "[%s]", Any)
@example(["-1e-400"], '{"a": [%s]}', dict[str, Any])
@example(["1e300"], '{"x": [%s], "y": 1e300}', Unread)
def test_a_value_is_that_of_msgspec_or_an_error_as_well(
    numbers: list[str], form: str, kind: Any
) -> None:
    data = (form % (numbers[0] if form == "%s" else ", ".join(numbers))).encode()
    assert outcome(JsonDecoder(kind).decode, data) == outcome(
        msgspec.json.Decoder(kind).decode, data
    )


@pytest.mark.parametrize("kind", [Any, list[float], list[float | str]])
@pytest.mark.parametrize(
    "number",
    ["1e308", "-1E+0308", "1.7976931348623157e308", "5e-324", "0.0001e-304", "9007199254740993.0"],
)
def test_no_number_takes_much_longer_than_a_harmless_one(kind: Any, number: str) -> None:
    decoder = JsonDecoder(kind)
    assert took_s(decoder, number) < TIMES_HARMLESS * took_s(decoder, "1.5")


def took_s(decoder: JsonDecoder[Any], number: str) -> float:
    """Return the processor time of decoding 1 MiB of one number: the best of three."""
    data = f"[{','.join([number] * (MIB // (len(number) + 1)))}]".encode()
    times = []
    for _ in range(3):
        start_s = time.process_time()
        decoder.decode(data)
        times.append(time.process_time() - start_s)
    return min(times)
