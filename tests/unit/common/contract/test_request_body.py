"""Bodies of requests: any JSON value as ``input``, and none that readers would alter."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.contract.request_body import MAX_DEPTH, check_body, input_of
from common.errors import MalformedRequest

SPACE = st.text(" \t\r\n", max_size=3).map(str.encode)
SCALARS: Final = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES: Final = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)
SPELLINGS: Final[list[Callable[[Any], str]]] = [
    json.dumps,
    lambda value: json.dumps(value, ensure_ascii=False),
    lambda value: json.dumps(value, indent="\t", separators=(" ,", " : ")),
]


def refuse_constant(name: str) -> None:
    raise ValueError(name)


@given(VALUES, st.sampled_from(SPELLINGS), SPACE, SPACE)
@example(10**4299, json.dumps, b"", b"")
@example({"": '"]}[{\\'}, json.dumps, b"\n", b"\t")
def test_any_json_value_is_an_input_and_keeps_its_bytes(
    value: Any, spell: Callable[[Any], str], before: bytes, after: bytes
) -> None:
    text = spell(value).encode()
    body = b'{"input":' + before + text + after + b"}"
    check_body(body)
    assert input_of(body) == text


@pytest.mark.parametrize(
    "text",
    [b"1.0", b"1E+2", b"-0", b"1e-400", b'"\\/\\u00e9\\uD83D\\ude00"', b'{"a":1,"a":2}', b"[ ]"],
)
def test_an_input_that_python_would_encode_otherwise_keeps_its_bytes(text: bytes) -> None:
    body = b'{"input": %b}' % text
    check_body(body)
    assert input_of(body) == text


@given(VALUES, st.integers(0), st.binary(max_size=3), st.integers(0, 4))
def test_a_body_that_is_accepted_is_json_for_pythons_parser_too(
    value: Any, place: int, spoilt: bytes, length: int
) -> None:
    """A body with a few bytes replaced; Python's ``json`` is the second opinion."""
    body = json.dumps({"more": value, "input": value}, ensure_ascii=False).encode()
    place %= len(body) + 1
    body = body[:place] + spoilt + body[place + length :]
    try:
        check_body(body)
    except MalformedRequest:
        return
    parsed = json.loads(body.decode("utf-8", "strict"), parse_constant=refuse_constant)
    assert parsed["input"] == json.loads(input_of(body))


MALFORMED: Final = {
    "nothing": b"",
    "space": b" ",
    "not JSON": b"{nope",
    "cut off": b'{"input": [1',
    "more after the end": b'{"input": 1} 2',
    "a byte order mark": b'\xef\xbb\xbf{"input": 1}',
    "UTF-16": '{"input": 1}'.encode("utf-16"),
    "single quotes": b"{'input': 1}",
    "a trailing comma": b'{"input": 1,}',
    "a list": b'[{"input": 1}]',
    "a string": b'"input"',
    "null": b"null",
    "no input": b'{"inputs": 1}',
    "input in capitals": b'{"INPUT": 1}',
    "input only deeper": b'{"a": {"input": 1}}',
    "NaN": b'{"input": NaN}',
    "Infinity": b'{"input": [-Infinity]}',
    "beyond every double": b'{"input": 1e400}',
    "4,301 digits": b'{"input": ' + b"7" * 4301 + b"}",
    "a leading zero": b'{"input": 01}',
    "a control character": b'{"input": "\x01"}',
    "an unknown escape": b'{"input": "\\x41"}',
    "invalid UTF-8": b'{"input": "\xff"}',
    "a lone surrogate": b'{"input": "\\ud800"}',
    "a lone surrogate in a key": b'{"input": {"\\udfff": 1}}',
    "surrogates the wrong way round": b'{"input": "\\udc00\\ud83d"}',
    "invalid UTF-8 beside the input": b'{"input": 1, "more": "\xff"}',
    "invalid UTF-8 in a key beside the input": b'{"input": 1, "\xff": 1}',
    "beyond every double beside the input": b'{"input": 1, "more": 1e400}',
    "4,301 digits beside the input": b'{"input": 1, "more": ' + b"7" * 4301 + b"}",
    "a lone surrogate beside the input": b'{"input": 1, "more": "\\ud800"}',
    "100,000 levels": b'{"input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "100,000 levels, cut off": b'{"input": ' + b"[" * 100_000,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_body_is_refused_in_one_sentence(body: bytes) -> None:
    with pytest.raises(MalformedRequest) as refused:
        check_body(body)
    sentence = refused.value.sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 300


@pytest.mark.parametrize("body", [b"", b"{nope", b"[]", b"{}", b'{"input": ' + b"[" * 100_000])
def test_a_body_without_a_readable_input_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        input_of(body)


def nested(brackets: str) -> bytes:
    """An input of as many levels as there are brackets, the innermost of them with a value."""
    opening = "".join("[" if bracket == "[" else '{"k":' for bracket in brackets)
    closing = "".join("]" if bracket == "[" else "}" for bracket in reversed(brackets))
    return f'{{"input": {opening}0{closing}}}'.encode()


@given(st.text("[{", min_size=MAX_DEPTH, max_size=MAX_DEPTH), st.sampled_from("[{"))
def test_an_input_may_nest_64_levels_and_not_one_more(brackets: str, one_more: str) -> None:
    check_body(nested(brackets))
    with pytest.raises(MalformedRequest, match="nested deeper than 64 levels"):
        check_body(nested(brackets + one_more))


def test_levels_are_counted_and_not_brackets() -> None:
    check_body(
        b'{"input": [' + b"[],{}," * 1000 + nested("[" * 63)[len(b'{"input": ') : -1] + b"]}"
    )


@given(st.lists(st.text('[]{}"\\é'), min_size=1, max_size=5), st.booleans())
@example(["[" * 1000, '\\"[', "\\"], True)
def test_brackets_in_strings_are_no_levels(texts: list[str], escaped: bool) -> None:
    deep = '{"k": [' * 31 + '{"k": ' + json.dumps(texts, ensure_ascii=escaped) + "}" + "]}" * 31
    check_body(f'{{"input": {deep}}}'.encode())
    with pytest.raises(MalformedRequest):
        check_body(f'{{"input": [{deep}]}}'.encode())


def test_of_two_inputs_the_last_one_counts_as_in_every_parser() -> None:
    body = b'{"input": 1, "\\u0069nput": 2}'
    check_body(body)
    assert input_of(body) == b"2"
