"""The demo model."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Misconfigured
from predictor_service.models.demo import Demo
from predictor_service.models.loader import load_model
from predictor_service.models.specification import parse_models


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans())))
def test_the_demo_model_returns_four_digits_that_depend_on_the_input_alone(
    value: dict[str, Any],
) -> None:
    digits = Demo().predict(value)
    assert len(digits) == 4
    assert digits.isdecimal()
    assert Demo().predict(dict(reversed(value.items()))) == digits


def test_the_demo_model_returns_different_digits_for_different_inputs() -> None:
    results = {Demo().predict(number) for number in range(1000)}
    assert len(results) > 900


def test_the_demo_model_takes_any_json_and_returns_text() -> None:
    (specification,) = parse_models("demo")
    card = load_model(specification).card
    assert (card.name, card.input_schema, card.output_schema) == ("demo", {}, {"type": "string"})


@pytest.mark.parametrize("delay", ["-1", "inf", "nan", "long", "1_0"])
def test_a_demo_model_with_a_delay_that_is_no_number_is_not_loaded(
    no_settings: pytest.MonkeyPatch, delay: str
) -> None:
    no_settings.setenv("DEMO_DELAY_S", delay)
    (specification,) = parse_models("demo")
    with pytest.raises(Misconfigured, match=r"DEMO_DELAY_S: expected a number of seconds"):
        load_model(specification)


@pytest.mark.parametrize("delay", ["", "0", "0.001"])
def test_a_demo_model_with_a_delay_returns_the_same_digits(
    no_settings: pytest.MonkeyPatch, delay: str
) -> None:
    no_settings.setenv("DEMO_DELAY_S", delay)
    (specification,) = parse_models("demo")
    assert load_model(specification).predict("x") == Demo().predict("x")
