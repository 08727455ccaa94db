"""The model that ships to try things out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Misconfigured
from predictor_service.models.demo import Demo
from predictor_service.models.loader import load_model
from predictor_service.models.specification import parse_models


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans())))
def test_the_demo_answers_four_digits_that_depend_on_the_input_alone(value: dict[str, Any]) -> None:
    digits = Demo().predict(value)
    assert len(digits) == 4
    assert digits.isdecimal()
    assert Demo().predict(dict(reversed(value.items()))) == digits


def test_the_demo_tells_inputs_apart() -> None:
    answers = {Demo().predict(number) for number in range(1000)}
    assert len(answers) > 900


def test_the_demo_takes_any_json_and_says_that_it_returns_text() -> None:
    (specification,) = parse_models("demo")
    card = load_model(specification).card
    assert (card.name, card.input_schema, card.output_schema) == ("demo", {}, {"type": "string"})


@pytest.mark.parametrize("delay", ["-1", "inf", "nan", "long"])
def test_a_demo_that_would_think_for_no_number_of_seconds_is_not_loaded(
    no_settings: pytest.MonkeyPatch, delay: str
) -> None:
    no_settings.setenv("DEMO_DELAY_S", delay)
    (specification,) = parse_models("demo")
    with pytest.raises(Misconfigured, match=r"'demo=.*ValueError"):
        load_model(specification)


@pytest.mark.parametrize("delay", ["", "0", "0.001"])
def test_a_demo_may_think(no_settings: pytest.MonkeyPatch, delay: str) -> None:
    no_settings.setenv("DEMO_DELAY_S", delay)
    (specification,) = parse_models("demo")
    assert load_model(specification).predict("x") == Demo().predict("x")
