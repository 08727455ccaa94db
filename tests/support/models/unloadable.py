"""Models that ``PREDICTOR_MODEL`` may name and no predictor can load."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

if TYPE_CHECKING:
    from decimal import Decimal


class Raises:
    """A model whose file is missing."""

    def __init__(self) -> None:
        raise FileNotFoundError("weights.bin")


class Exits:
    """A model that ends the program while it is loaded."""

    def __init__(self) -> None:
        raise SystemExit(3)


class WantsArguments:
    """A model that requires an argument."""

    def __init__(self, path: str) -> None:
        self.path = path


class PredictIsNoMethod:
    """A class whose ``predict`` is no method."""

    predict = "soon"


number: Final = 42


class RaisesInLines:
    """A model whose exception has several lines."""

    def __init__(self) -> None:
        raise ImportError("no library\n\n  Install it\nor not.")


class RaisesLater:
    """A model whose version cannot be read."""

    def predict(self, value: Any) -> Any:
        """Return nothing."""

    @property
    def version(self) -> str:
        """Fail to read the version."""
        raise FileNotFoundError("VERSION")


def takes_nothing() -> int:
    """Take no input."""
    return 1


def takes_two(first: int, second: int) -> int:
    """Take one input too many."""
    return first + second


def takes_a_name(*, value: int) -> int:
    """Take an input by its name only."""
    return value


def takes_a_stranger(value: asyncio.Lock) -> int:
    """Take a type that is no JSON."""
    return 1


def takes_what_is_not_imported(value: "Decimal") -> int:
    """Take a type that is imported for type checkers only."""
    return 1


def takes_what_does_not_exist(value: "msgspec.Nothing") -> int:  # type: ignore[name-defined]
    """Take a type that does not exist."""
    return 1


def takes_what_is_no_python(value: "list[") -> int:  # type: ignore[valid-type] # noqa: F722
    """Take a type that is no Python."""
    return 1


class Unresolved(msgspec.Struct):
    """An input with a field of an unknown type."""

    amount: "Decimal"


def takes_something_unresolved(value: Unresolved) -> int:
    """Take a type with a field of an unknown type."""
    return 1


def has_odd_examples(value: Annotated[int, msgspec.Meta(examples=[object()])]) -> int:
    """Take a type whose schema is no JSON."""
    return 1


Twin: Final = msgspec.defstruct("Twin", [("a", int)])
OtherTwin: Final = msgspec.defstruct("Twin", [("b", int)])


def takes_two_types_of_one_name(value: tuple[Twin, OtherTwin]) -> int:  # type: ignore[valid-type]
    """Take two types of one name."""
    return 1
