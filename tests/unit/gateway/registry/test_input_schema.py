"""Input schemas, compared with the predictor's types: what these take is never refused."""

import datetime
import enum
import uuid
from typing import Annotated, Any, Final, Literal, NamedTuple, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from common.contract.announcement import ModelCard
from common.errors import InvalidInput
from gateway.registry.input_schema import InputSchema
from predictor_service.models.signature import schema_of


class Colour(enum.Enum):
    """An enum of texts."""

    RED = "red"
    BLUE = "blue"


class Cat(msgspec.Struct, tag=True):
    """One member of a tagged union."""

    lives: Annotated[int, Meta(ge=0, le=9)] = 9


class Dog(msgspec.Struct, tag="dog", forbid_unknown_fields=True):
    """The other member."""

    name: Annotated[str, Meta(min_length=1, max_length=2)]


class Node(msgspec.Struct, rename="camel"):
    """A type that refers to itself."""

    the_value: float | None = None
    children: "list[Node]" = []


class Row(msgspec.Struct, array_like=True):
    """An object that is written as an array."""

    first: int
    second: str = ""


class Pair(NamedTuple):
    """A tuple with names."""

    first: int
    second: str = ""


class Options(TypedDict, total=False):
    """An object of which every field may be missing."""

    first: int


TYPES: Final[list[Any]] = [
    *(Any, int, float, str, bool, None, bytes, datetime.datetime, datetime.date, uuid.UUID),
    *(datetime.timedelta, datetime.time, Colour),
    *(int | None, int | str | None, float | list[int], list[float], tuple[int, str]),
    *(tuple[int, ...], dict[str, int], dict[int, int], dict[Colour, int], list[Any]),
    *(Literal[1, "red", None], Cat | Dog, list[Cat | Dog | None], Node, Row, Pair),
    *(Options, Annotated[list[int], Meta(min_length=1, max_length=2)], Annotated[int, Meta(ge=0)]),
    *(Annotated[int, Meta(gt=-2, lt=2)], Annotated[int, Meta(multiple_of=2)]),
    *(Annotated[float, Meta(ge=0, lt=1)], Annotated[str, Meta(min_length=1, max_length=1)]),
    *(Annotated[str, Meta(pattern=r"^\w$")], Annotated[str, Meta(pattern=r"^[a-c\d]+$")]),
    *(Annotated[str, Meta(pattern=r"\A(?P<a>\w)(?P=a)\Z")], dict[str, Annotated[int, Meta(ge=0)]]),
    Annotated[dict[str, int], Meta(max_length=1)],
]
NUMBERS: Final = ["0", "-1", "1.0", "1e2", "0.5", "-0.0", "1e308", "5e-324", "9007199254740993"]
INTEGERS: Final = ["9" * 4300, "-9223372036854775809", "18446744073709551616", "9" * 300]
STRINGS: Final = [
    *("", "a", "aa", "a\n", "é", "e\u0301", "\u0663", "\U0001f600", "\x1c", "red", "dog", "null"),
    *("2020-01-01", "2020-01-01T00:00:00Z", "2020-01-01 00:00:00", "00:00:00", "P1D", "YQ=="),
    *("1.5", "NaN", "6f1a4b9e-0000-4000-8000-000000000000", "6f1a4b9e000040008000000000000000"),
]
KEYS: Final = ["type", "lives", "name", "theValue", "children", "first", "1", "red", "Cat"]
TEXTS: Final = st.sampled_from(STRINGS + KEYS) | st.text(max_size=3)
SCALARS: Final = (
    st.sampled_from(["null", "true", *NUMBERS, *INTEGERS])
    | st.integers(-3, 10).map(str)
    | TEXTS.map(lambda text: msgspec.json.encode(text).decode())
)
JSON: Final = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda texts: f"[{','.join(texts)}]")
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3).map(
            lambda fields: "{" + ",".join(f'"{key}":{text}' for key, text in fields.items()) + "}"
        )
    ),
    max_leaves=6,
)


def compiled(kind: Any) -> InputSchema:
    """Compile the schema that a model of this type announces."""
    return InputSchema(ModelCard(name="m", input_schema=schema_of(kind)))


COMPILED: Final = [(kind, msgspec.json.Decoder(kind), compiled(kind)) for kind in TYPES]


def check_all(text: bytes) -> int:
    """Check that each schema takes ``text`` if its type does; return how many types do."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:  # which the gateway refuses as malformed
        return 0
    taken = 0
    for kind, decoder, schema in COMPILED:
        try:
            decoder.decode(text)
        except msgspec.ValidationError:
            continue
        taken += 1
        try:
            schema.check(value)
        except InvalidInput as exc:
            pytest.fail(f"{kind} takes {text[:80]!r}, and the gateway says: {exc}")
    return taken


@pytest.mark.parametrize("text", [*NUMBERS, *INTEGERS, *map(repr, range(-3, 11))])
def test_a_number_that_the_predictor_takes_is_taken(text: str) -> None:
    assert check_all(text.encode()) >= 2
    check_all(b"[%b]" % text.encode())


@pytest.mark.parametrize("text", STRINGS)
def test_a_string_that_the_predictor_takes_is_taken(text: str) -> None:
    assert check_all(msgspec.json.encode(text)) >= 2
    check_all(msgspec.json.encode({"name": text, "type": "dog"}))


@given(JSON)
def test_any_input_that_the_predictor_takes_is_taken(text: str) -> None:
    check_all(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        b"[1, 1, 1]",
        b'{"lives": 1, "type": "Cat"}',
        b'{"type": "Cat", "lives": 1, "more": 1}',
        b'{"type": "dog", "name": "ab"}',
        b'[{"type": "Cat"}, null, {"name": "b", "type": "dog"}]',
        b'{"children": [{"theValue": 1}, {}], "theValue": null}',
        b'[1, "a", 2]',
        b"[1]",
        b'{"first": 1, "second": 2}',
        b'{"red": 1}',
    ],
)
def test_a_structure_that_the_predictor_takes_is_taken(text: bytes) -> None:
    assert check_all(text) >= 2
