"""What ``PREDICTOR_MODEL`` may name and no predictor can serve."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

if TYPE_CHECKING:
    from decimal import Decimal


class Raises:
    """Cannot be loaded: its file is missing."""

    def __init__(self) -> None:
        raise FileNotFoundError("weights.bin")


class Exits:
    """Cannot be loaded: ends the program."""

    def __init__(self) -> None:
        raise SystemExit(3)


class WantsArguments:
    """Cannot be loaded: nobody gives it arguments."""

    def __init__(self, path: str) -> None:
        self.path = path


class PredictIsNoMethod:
    """Loads, and cannot predict."""

    predict = "soon"


number: Final = 42


class RaisesInLines:
    """Cannot be loaded, and says so at length."""

    def __init__(self) -> None:
        raise ImportError("no library\n\n  Install it\nor not.")


class RaisesLater:
    """Cannot be described."""

    def predict(self, value: Any) -> Any:
        """Nothing is wrong with this."""

    @property
    def version(self) -> str:
        """The version is in a file that is missing."""
        raise FileNotFoundError("VERSION")


def takes_nothing() -> int:
    """Cannot predict: no input."""
    return 1


def takes_two(first: int, second: int) -> int:
    """Cannot predict: one input too many."""
    return first + second


def takes_a_name(*, value: int) -> int:
    """Cannot predict: an input that nobody gives it."""
    return value


def takes_a_stranger(value: asyncio.Lock) -> int:
    """Takes what is no JSON."""
    return 1


def takes_what_is_not_imported(value: "Decimal") -> int:
    """Takes what exists for type checkers only."""
    return 1


def takes_what_does_not_exist(value: "msgspec.Nothing") -> int:  # type: ignore[name-defined]
    """Takes what was renamed."""
    return 1


def takes_what_is_no_python(value: "list[") -> int:  # type: ignore[valid-type] # noqa: F722
    """Takes what cannot be read."""
    return 1


class Unresolved(msgspec.Struct):
    """An input of which a part is unknown."""

    amount: "Decimal"


def takes_something_unresolved(value: Unresolved) -> int:
    """Takes what is known in part."""
    return 1


def has_odd_examples(value: Annotated[int, msgspec.Meta(examples=[object()])]) -> int:
    """Describes its input in words that are no JSON."""
    return 1


Twin: Final = msgspec.defstruct("Twin", [("a", int)])
OtherTwin: Final = msgspec.defstruct("Twin", [("b", int)])


def takes_two_types_of_one_name(value: tuple[Twin, OtherTwin]) -> int:  # type: ignore[valid-type]
    """Takes what cannot be described: both are called the same."""
    return 1
