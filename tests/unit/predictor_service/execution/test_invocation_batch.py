"""Several inputs in one model call: a bad input fails alone."""

from collections.abc import Callable
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from common.contract.announcement import ModelCard
from common.errors import InvalidInput, MalformedRequest, ModelFailed
from predictor_service.execution import invocation
from predictor_service.execution.invocation import ModelInput, Outcome, invoke
from predictor_service.models.loader import Model
from tests.support.models.invoking import Customer, Speechless, Surprise, Unspeakable, error_of


class Doubler:
    """A model that notes its calls; ``batch`` runs in place of its own batch."""

    def __init__(self, batch: Callable[[list[Any]], Any] | None = None) -> None:
        self.batches: list[list[Any]] = []
        self.singles: list[Any] = []
        self._batch = batch

    def predict(self, value: Any) -> Any:
        """Return twice the number; refuse negative ones."""
        self.singles.append(value)
        if value == 13:
            raise RuntimeError("secret")
        if value < 0:
            raise InvalidInput(f"Not {value}.")
        return value * 2

    def predict_batch(self, values: list[Any]) -> Any:
        """Return twice each number, or what ``batch`` returns."""
        self.batches.append(list(values))
        if self._batch:
            return self._batch(values)
        return [value * 2 for value in values]


def run(doubler: Any, *texts: bytes, input_type: Any = int) -> list[Outcome]:
    """Return the outcomes of a model on inputs with the ids ``0``, ``1`` …"""
    model = Model(ModelCard(name="m"), input_type, doubler.predict, doubler.predict_batch)
    return list(invoke(model, [ModelInput(text, str(n)) for n, text in enumerate(texts)]))


def fail(_: list[Any]) -> Any:
    """Fail on a batch."""
    raise Surprise("secret")


@given(st.lists(st.integers(0, 20), max_size=8))
def test_outcomes_come_in_the_order_of_the_inputs_also_of_equal_ones(numbers: list[int]) -> None:
    doubler = Doubler()
    outcomes = run(doubler, *(b"%d" % number for number in numbers if number != 13))
    assert outcomes == [b"%d" % (number * 2) for number in numbers if number != 13]
    assert len(doubler.batches) == (len(outcomes) > 1)
    assert len(doubler.singles) == (len(outcomes) == 1)


def test_an_input_that_was_delivered_twice_has_two_outcomes() -> None:
    doubler = Doubler()
    model_input = ModelInput(b"4", "c")
    model = Model(ModelCard(name="m"), int, doubler.predict, doubler.predict_batch)
    assert list(invoke(model, [model_input, ModelInput(b"4", "c")])) == [b"8", b"8"]
    assert doubler.batches == [[4, 4]]


def test_invalid_inputs_are_refused_and_left_out_of_the_batch() -> None:
    doubler = Doubler()
    first, second, third, fourth, fifth = run(doubler, b"1", b'"x"', b"2", b"", b"3")
    assert (first, third, fifth) == (b"2", b"4", b"6")
    assert error_of(second) == (InvalidInput, "Expected `int`, got `str`.")
    assert error_of(fourth)[0] is MalformedRequest
    assert doubler.batches == [[1, 2, 3]]
    assert doubler.singles == []


def test_a_batch_without_valid_inputs_does_not_reach_the_model() -> None:
    doubler = Doubler()
    with structlog.testing.capture_logs() as logs:
        outcomes = run(doubler, b"null", b'"x"')
    assert [error_of(outcome)[0] for outcome in outcomes] == [InvalidInput, InvalidInput]
    assert doubler.batches == doubler.singles == logs == []


def test_an_input_whose_type_raises_fails_alone() -> None:
    texts = [b'{"months": %d}' % months for months in (1, 13, 14, 15, 2)]
    batch = Doubler(lambda customers: [customer.months for customer in customers])
    with structlog.testing.capture_logs() as logs:
        first, unlucky, nobody, failed, last = run(batch, *texts, input_type=Customer)
    assert (first, last) == (b"1", b"2")
    assert error_of(unlucky) == (InvalidInput, "13 is unlucky.")
    assert error_of(nobody) == (InvalidInput, "Nobody stays for 14 months.")
    assert error_of(failed) == (ModelFailed, "The model failed on this input.")
    assert [line["correlation_id"] for line in logs] == ["3"]


def refuse(_: list[Any]) -> Any:
    """Refuse all inputs of a batch."""
    raise InvalidInput(Speechless())


def be_unspeakable(_: list[Any]) -> Any:
    """Fail with an exception that cannot be printed."""
    raise Unspeakable


@pytest.mark.parametrize(
    "batch",
    [
        fail,
        refuse,
        be_unspeakable,
        lambda values: values[:-1],
        lambda values: [*values, 0],
        lambda values: [],
        lambda values: None,
        lambda values: 1,
        lambda values: [*values[:-1], float("nan")],
        lambda values: [*values[:-1], {object()}],
    ],
)
def test_the_inputs_of_a_failed_batch_are_tried_one_by_one(
    batch: Callable[[list[Any]], Any],
) -> None:
    doubler = Doubler(batch)
    with structlog.testing.capture_logs() as logs:
        good, failed, refused, invalid, last = run(doubler, b"1", b"13", b"-1", b"null", b"2")
    assert (good, last) == (b"2", b"4")
    assert error_of(failed) == (ModelFailed, "The model failed on this input.")
    assert error_of(refused) == (InvalidInput, "Not -1.")
    assert error_of(invalid) == (InvalidInput, "Expected `int`, got `null`.")
    assert doubler.batches == [[1, 13, -1, 2]]
    assert doubler.singles == [1, 13, -1, 2]
    assert [line["log_level"] for line in logs] == ["warning", "error"]
    assert logs[1]["correlation_id"] == "1"


def test_an_input_that_a_failed_batch_has_changed_is_decoded_again() -> None:
    class Changes:
        def predict(self, values: list[int]) -> int:
            return sum(values)

        def predict_batch(self, rows: list[list[int]]) -> Any:
            for row in rows:
                row.append(1000)
            raise RuntimeError

    assert run(Changes(), b"[1]", b"[1]", b"[2]", input_type=list[int]) == [b"1", b"1", b"2"]


def test_a_batch_may_return_any_iterable_and_results_of_numpy() -> None:
    class Row:
        def tolist(self) -> list[int]:
            return [1]

    assert run(Doubler(lambda values: (Row() for _ in values)), b"1", b"2") == [b"[1]", b"[1]"]


def test_a_model_without_batches_is_run_on_one_input_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(invocation, "CHUNK_S", 60)
    doubler = Doubler()
    model = Model(ModelCard(name="m"), int, doubler.predict, None)
    outcomes = list(
        invoke(model, [ModelInput(b"1", "a"), ModelInput(b"null", "b"), ModelInput(b"2", "c")])
    )
    assert outcomes[::2] == [b"2", b"4"]
    assert error_of(outcomes[1])[0] is InvalidInput
    assert doubler.singles == [1, 2]


def test_an_outcome_does_not_wait_for_the_inputs_behind_a_slow_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(invocation, "CHUNK_S", 0)
    doubler = Doubler()
    model = Model(ModelCard(name="m"), int, doubler.predict, None)
    assert list(invoke(model, [ModelInput(b"1", "a"), ModelInput(b"2", "b")])) == [b"2"]
    assert doubler.singles == [1]
