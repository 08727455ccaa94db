"""The key in an ``Idempotency-Key`` header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import MalformedHeader
from gateway.api.headers import read_idempotency_key

KEYS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255)


def test_a_request_without_the_header_has_no_key() -> None:
    assert read_idempotency_key([]) is None


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
        ('"8e03978e-40d5-43e8-bc93-6894a57f9324"', "8e03978e-40d5-43e8-bc93-6894a57f9324"),
        (" a b\t", "a b"),
        (r'"say \"a\\b\""', r'say "a\b"'),
        ('a"b', 'a"b'),
        ("k" * 255, "k" * 255),
        (f'"{"k" * 255}"', "k" * 255),
    ],
)
def test_a_key_is_read_with_quotes_and_without(field: str, key: str) -> None:
    assert read_idempotency_key([field]) == key


@pytest.mark.parametrize(
    "fields",
    [
        [""],
        [" "],
        ['""'],
        ['"'],
        ['"a'],
        ['"a"b'],
        ['"a";b=1'],
        [r'"a\b"'],
        ['"a\\"'],
        ["k" * 256],
        [f'"{"k" * 256}"'],
        ["cl\u00e9"],
        ['"cl\u00e9"'],
        ["a\tb"],
        ["a\nb"],
        ["a\n"],
        ["a", "a"],
    ],
)
def test_a_malformed_key_is_refused(fields: list[str]) -> None:
    with pytest.raises(MalformedHeader):
        read_idempotency_key(fields)


@given(KEYS)
def test_every_printable_key_can_be_sent_in_quotes(key: str) -> None:
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    assert read_idempotency_key([f'"{quoted}"']) == key


@given(st.text())
def test_any_text_is_a_key_or_refused(text: str) -> None:
    try:
        key = read_idempotency_key([text])
    except MalformedHeader:
        return
    assert key is not None
    assert key.isascii()
    assert 1 <= len(key) <= 255
