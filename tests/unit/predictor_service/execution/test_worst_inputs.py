"""The worst inputs for the types of models, each compared with a harmless one of its size."""

import asyncio
import time
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
import pytest

from common.errors import PredictionError
from predictor_service.execution.invocation import ModelInput
from predictor_service.execution.processes import ProcessRunner
from predictor_service.models.specification import parse_models
from tests.support.models.invoking import run
from tests.unit.gateway.registry.schema.test_bombs import Add, Mul, formula

MIB: Final = 2**20
TIMES_HARMLESS: Final = 20
HERE: Final = "tests.unit.predictor_service.execution.test_worst_inputs"


class Row(msgspec.Struct):
    """A row of a table with a default."""

    a: float = 0


def array(item: bytes) -> bytes:
    """Return 1 MiB of one item."""
    return b"[" + b",".join([item] * (MIB // (len(item) + 1))) + b"]"


def members(count: int, name: str = "k") -> bytes:
    """Return an object of many members."""
    return msgspec.json.encode({f"{name}{n}": n for n in range(count)})


WORST: Final[dict[str, tuple[Any, bytes]]] = {
    "the largest numbers": (list[float], array(b"1.7976931348623157e308")),
    "the smallest numbers": (list[float], array(b"5e-324")),
    "many digits": (list[float], array(b"9007199254740993.5")),
    "a fraction of one digit": (list[float], array(b"0." + b"0" * 300 + b"1")),
    "giant integers": (list[int], array(b"7" * 4300)),
    "a giant": (list[int], array(b"7" * (MIB - 2))),
    "giants of any type": (Any, array(b"7" * 4300)),
    "unknown members": (Row, members(70_000)),
    "one member again and again": (Any, b"{" + array(b'"a":1')[1:-1] + b"}"),
    "many members": (dict[str, int], members(70_000)),
    "a wrong last item": (list[float], array(b"1.5")[:-1] + b',"x"]'),
    "empty rows": (list[Row], array(b"{}")),
    "a union": (list[int | str | None], array(b"null")),
    "a tagged union": (list[Add | Mul], array(b'{"type":"Mul","left":1}')),
    "literals": (list[Literal["a", "b"]], array(b'"a"')),
    "dates": (list[datetime], array(b'"2030-01-01T00:00:00Z"')),
    "escapes": (str, b'"' + b"\\u0041" * (MIB // 6) + b'"'),
    "pairs of escapes": (str, b'"' + b"\\ud83d\\ude00" * (MIB // 12) + b'"'),
    "space": (Any, b"[" + b" " * MIB + b"]"),
    "arrays that do not end": (Any, b"[" * MIB),
    "a text for a number": (int, b'"' + b"x" * MIB + b'"'),
    "unique texts": (set[str], msgspec.json.encode([f"{n:07}" for n in range(MIB // 10)])),
}


def took_s(input_type: Any, text: bytes) -> float:
    """Return the processor time of an input on its way to a model: the best of three."""
    times = []
    for _ in range(3):
        began_s = time.thread_time()
        run(lambda _: None, text, input_type)
        times.append(time.thread_time() - began_s)
    return min(times)


@pytest.mark.parametrize("name", WORST)
def test_no_input_takes_much_longer_than_a_harmless_one_of_its_size(name: str) -> None:
    assert took_s(*WORST[name]) < TIMES_HARMLESS * took_s(list[float], array(b"1.5"))


@pytest.mark.parametrize("levels", [3, 13, 60])
def test_a_wrong_leaf_of_a_recursive_union_takes_no_longer_than_a_right_one(levels: int) -> None:
    wrong = msgspec.json.encode(formula(levels, "x"))
    right = msgspec.json.encode(formula(levels, 123))
    assert took_s(Add | Mul | int, wrong) < TIMES_HARMLESS * took_s(Add | Mul | int, right)


class Backtracking:
    """A model whose type has a pattern that backtracks without end."""

    def predict(self, text: Annotated[str, msgspec.Meta(pattern="(a+)+$")]) -> str:
        """Return the input."""
        return text


async def test_a_pattern_that_backtracks_in_a_worker_process_ends_with_its_time() -> None:
    """A regular expression of Python cannot be interrupted: its process can be ended."""
    runner = ProcessRunner(parse_models(f"m={HERE}:Backtracking"), 1, timeout_s=1)
    await runner.start()
    try:
        text = msgspec.json.encode(60 * "a" + "b")
        (outcome,) = await asyncio.wait_for(runner.run("m", [ModelInput(text, "c")]), 30)
        assert isinstance(outcome, PredictionError)
        assert await runner.run("m", [ModelInput(b'"aa"', "c")]) == [b'"aa"']
    finally:
        runner.abandon()
