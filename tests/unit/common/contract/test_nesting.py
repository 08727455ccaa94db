"""The nesting of JSON, compared with a count of its brackets one by one."""

import json
import re
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.contract.nesting import nests_deeper
from common.contract.request_body import MAX_DEPTH, check_body
from common.errors import MalformedRequest

STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
LEVELS: Final = MAX_DEPTH + 1
"""Levels of a body: those of its input and its own."""

MANY_STRINGS: Final = b'"[","\\\\",' * 1100
"""More strings than are cut out whole."""


def depth(valid_json: bytes) -> int:
    """Return how deep arrays and objects nest: the naive way, a bracket at a time."""
    level = deepest = 0
    for byte in STRING.sub(b"", valid_json):
        level += (byte in b"[{") - (byte in b"]}")
        deepest = max(deepest, level)
    return deepest


TEXTS: Final = st.text('[]{}"\\/nué,:', max_size=8) | st.text(max_size=4)
INNER: Final = st.recursive(
    TEXTS | st.just(0),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=40,
)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Draw JSON with brackets in its strings, around and beside a pile of brackets."""
    value = draw(INNER)
    spelled = json.dumps(
        value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1]))
    )
    pile = draw(st.text("[{", max_size=4)) * draw(st.integers(0, 20))
    before = "".join("[" if bracket == "[" else '{"[":' for bracket in pile)
    after = "".join("]" if bracket == "[" else "}" for bracket in reversed(pile))
    beside = MANY_STRINGS.decode() if draw(st.integers(0, 9)) == 9 else ""
    flat = draw(st.sampled_from(["", "[],", '{},"]",', "[[],{}],"])) * draw(st.integers(0, 40))
    return f"[{beside}{flat}{before}{spelled}{after}]".encode()


@given(documents(), st.integers(0, 4) | st.integers(0, 80))
@example(b'["' + b"\\\\" * 3 + b'",[[]],"\\"[",{"]":{}}]', 2)
@example(b"[" + MANY_STRINGS + b'"[[["]', 1)
@example(b"[" + MANY_STRINGS + b'[""]]', 1)
def test_levels_are_those_of_a_count_one_by_one(document: bytes, levels: int) -> None:
    json.loads(document)
    deepest = depth(document)
    for limit in (levels, deepest - 1, deepest):
        if limit >= 0:
            assert nests_deeper(document, limit) == (deepest > limit)


def refusal(body: bytes) -> str:
    """Return the sentence with which a body is refused; none if it is accepted."""
    try:
        check_body(body)
    except MalformedRequest as exc:
        return exc.sentence
    return ""


def is_too_deep(body: bytes) -> bool:
    """Return whether a body can be read but for its nesting: the naive twin of the check."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, Any])
    except RecursionError:
        return True
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return "input" in fields and depth(body) > LEVELS


@given(documents(), st.integers(0), st.binary(max_size=2), st.integers(0, 2), st.booleans())
def test_a_body_is_refused_for_its_nesting_as_by_a_count_one_by_one(
    document: bytes, place: int, spoilt: bytes, length: int, spoils: bool
) -> None:
    """Bodies with all their brackets, and others with a few bytes replaced."""
    body = b'{"input":' + document + b"}"
    if spoils:
        place %= len(body) + 1
        body = body[:place] + spoilt + body[place + length :]
    assert ("nested deeper than 64 levels" in refusal(body)) == is_too_deep(body)


SIZE: Final = 1 << 20
SHALLOW: Final = b"[]," * LEVELS


def filled(unit: bytes, before: bytes = b"", after: bytes = b"0") -> bytes:
    """Return a body of ``SIZE`` bytes, nearly, that repeats a piece."""
    around = len(before) + len(after)
    return b'{"input":[' + before + unit * ((SIZE - around - 12) // len(unit)) + after + b"]}"


LARGE: Final = {
    "flat numbers": filled(b"0.123456,"),
    "a text": filled(b"x", b'"', b'"'),
    "a text with brackets": filled(b"lorem [1] ipsum {2} ", b'"', b'"'),
    "a matrix": filled(b"[1.25,2.5],"),
    "empty arrays": filled(b"[],"),
    "empty objects": filled(b"{},"),
    "objects": filled(b'{"a":1},'),
    "a tree": filled(b"[[[],[]],[[],[]]],"),
    "as deep as allowed": filled(b"[" * (LEVELS - 2) + b"]" * (LEVELS - 2) + b","),
    "deep and flat": filled(b"[" * 30 + b"[]," * 29 + b"[]" + b"]" * 30 + b","),
    "too deep": filled(b"[" * 500 + b"]" * 500 + b","),
    "empty strings": filled(b'"",', SHALLOW),
    "short strings": filled(b'"a1",', SHALLOW),
    "brackets as strings": filled(b'"[","]",', SHALLOW),
    "escaped quotes": filled(b'\\"', SHALLOW + b'"', b'"'),
    "escaped backslashes": filled(b"\\\\", SHALLOW + b'"', b'"'),
    "escaped brackets": filled(b"\\n[", SHALLOW + b'"', b'"'),
}


def fastest_s(act: Callable[[bytes], object], body: bytes) -> float:
    """Return the processor time of the fastest of three acts."""
    times_s = []
    for _ in range(3):
        start_s = time.thread_time()
        act(body)
        times_s.append(time.thread_time() - start_s)
    return min(times_s)


@pytest.mark.parametrize("body", LARGE.values(), ids=LARGE)
def test_a_large_body_nests_as_counted_in_a_time_that_its_size_bounds(body: bytes) -> None:
    """The bound: four times as long as decoding it, or flat numbers of the same size, takes."""
    assert nests_deeper(body, LEVELS) == (depth(body) > LEVELS)
    decode = msgspec.json.decode
    decoded_s = max(fastest_s(decode, each) for each in (body, LARGE["flat numbers"]))
    assert fastest_s(lambda each: nests_deeper(each, LEVELS), body) < 4 * decoded_s


def test_a_body_that_is_not_balanced_is_refused_as_no_json() -> None:
    assert "not valid JSON" in refusal(b'{"input":' + b"[" * 900)
    assert "not valid JSON" in refusal(b'{"input":' + b"]" * 900)
