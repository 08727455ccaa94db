"""The invocation of a model: a result, or an error that gives away nothing of the model."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from common.errors import InvalidInput, MalformedRequest, ModelFailed, Unavailable
from tests.support.models.invoking import (
    NUMBER,
    Customer,
    Point,
    Speechless,
    Surprise,
    error_of,
    raising,
    returning,
    run,
)


def test_a_model_gets_a_value_and_its_result_becomes_json() -> None:
    assert run(lambda number: number * 2, NUMBER) == b"42"
    assert run(lambda texts: texts * 2, b'["\\u00e9"]') == '["é","é"]'.encode()


@pytest.mark.parametrize(
    ("input_type", "text", "seen"),
    [
        (Customer, b'{"months": 2, "features": [1, 2.5]}', Customer(2, [1.0, 2.5])),
        (Point, b'{"y": 1, "x": 0, "z": 3}', Point(0, 1)),
        (list[float], b"[1]", [1.0]),
        (dict[str, int], b'{"a": 1}', {"a": 1}),
        (Any, b'{"a": [null, 1.5]}', {"a": [None, 1.5]}),
        (Any, b"9" * 4300, int("9" * 4300)),
    ],
)
def test_a_model_gets_its_input_as_the_type_that_it_takes(
    input_type: Any, text: bytes, seen: Any
) -> None:
    seen_values: list[Any] = []
    assert run(seen_values.append, text, input_type) == b"null"
    assert seen_values == [seen]
    assert type(seen_values[0]) is type(seen)


@pytest.mark.parametrize(
    ("input_type", "text", "sentence"),
    [
        (
            Customer,
            b'{"months": 2, "features": [1, 2, 3, "x"]}',
            "Expected `float`, got `str` - at `$.features[3]`.",
        ),
        (Customer, b'{"months": 0}', "Expected `int` >= 1 - at `$.months`."),
        (Customer, b"{}", "Object missing required field `months`."),
        (Customer, b'{"months": 13}', "13 is unlucky."),
        (Customer, b'{"months": 14}', "Nobody stays for 14 months."),
        (list[Customer], b'[{"months": 13}]', "13 is unlucky - at `$[0]`."),
        (Point, b'{"x": 1.5}', "Expected `int`, got `float` - at `$.x`."),
        (int, b"null", "Expected `int`, got `null`."),
        (str, b"1", "Expected `str`, got `int`."),
    ],
)
def test_an_input_of_another_type_is_refused_with_the_path_and_the_model_never_sees_it(
    input_type: Any, text: bytes, sentence: str
) -> None:
    seen: list[Any] = []
    assert error_of(run(seen.append, text, input_type)) == (InvalidInput, sentence)
    assert seen == []


@pytest.mark.parametrize("text", [b"", b"{nope", b'"\xff"', b"NaN", b"[" * 100_000])
def test_an_input_that_is_no_json_never_reaches_the_model(text: bytes) -> None:
    seen: list[Any] = []
    error, sentence = error_of(run(seen.append, text))
    assert error is MalformedRequest
    assert sentence.startswith("The input is not valid JSON: ")
    assert seen == []


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (InvalidInput("Not 21."), "Not 21."),
        (InvalidInput(""), "The model refuses this input."),
        (InvalidInput(ValueError("bad row")), "bad row"),
        (InvalidInput(KeyError()), "The model refuses this input."),
        (InvalidInput(None), "None"),
        (InvalidInput("a\ud800b"), "a?b"),
    ],
)
def test_an_input_that_the_model_refuses_is_refused_in_its_words(
    error: InvalidInput, sentence: str
) -> None:
    with structlog.testing.capture_logs() as logs:
        assert error_of(run(raising(error), NUMBER)) == (InvalidInput, sentence)
    assert logs == []


@pytest.mark.parametrize(
    "predict",
    [
        raising(RuntimeError("secret")),
        raising(SystemExit("secret")),
        raising(KeyboardInterrupt()),
        raising(asyncio.CancelledError()),
        raising(GeneratorExit()),
        raising(Surprise("secret")),
        raising(BaseExceptionGroup("secret", [Surprise()])),
        raising(StopIteration()),
        raising(MemoryError()),
        raising(MalformedRequest("secret")),
        raising(ModelFailed("secret")),
        raising(Unavailable("secret")),
        raising(InvalidInput(Speechless())),
        returning({object()}),
        returning(object),
        returning(1j),
        returning("\ud800"),
        returning(iter([])),
    ],
)
def test_an_exception_of_a_model_is_in_the_log_and_not_in_the_error(
    predict: Callable[[Any], Any],
) -> None:
    with structlog.testing.capture_logs() as logs:
        assert error_of(run(predict, NUMBER)) == (ModelFailed, "The model failed on this input.")
    ((line),) = logs
    assert (line["correlation_id"], line["exc_info"]) == ("c", True)


def test_an_exception_of_an_input_type_fails_the_prediction() -> None:
    with structlog.testing.capture_logs() as logs:
        error, sentence = error_of(run(returning(1), b'{"months": 15}', Customer))
    assert (error, sentence) == (ModelFailed, "The model failed on this input.")
    assert [line["correlation_id"] for line in logs] == ["c"]
