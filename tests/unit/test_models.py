"""Finding models by what ``PREDICTOR_MODEL`` says, and the model that ships."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Misconfigured
from predictor_service.models.base import load_models
from predictor_service.models.demo import Demo

PATH: Final = "tests.support.loadable"


@pytest.mark.parametrize(
    ("attribute", "value", "result"),
    [
        ("double", 2, 4),
        ("Greeter", "you", "hello you"),
        ("ready_made", "you", "hello you"),
        ("Callable", 1, [1]),
    ],
)
def test_a_model_is_a_function_a_class_or_an_object_that_predicts(
    attribute: str, value: Any, result: Any
) -> None:
    (model,) = load_models(f"mine={PATH}:{attribute}").values()
    assert model(value) == result


def test_several_models_are_served_under_their_names_in_order() -> None:
    models = load_models(f" demo , twice = {PATH}:double,, greet={PATH}:Greeter,")
    assert list(models) == ["demo", "twice", "greet"]
    assert models["twice"](1) == 2
    assert models["greet"]("you") == "hello you"


def test_a_model_that_ships_can_be_replaced_by_another_of_its_name() -> None:
    assert load_models(f"demo={PATH}:double")["demo"](1) == 2


@pytest.mark.parametrize(
    ("specification", "says"),
    [
        ("", "names no model"),
        (" , ", "names no model"),
        ("demo,demo", "'demo' twice"),
        (f"a={PATH}:double,a={PATH}:Greeter", "'a' twice"),
        ("a.b", "'a.b' is not a name"),
        (f"={PATH}:double", "'' is not a name"),
        ("x" * 65, "is not a name"),
        ("résumé", "is not a name"),
        ("iris", "no model 'iris' ships"),
        ("iris=", "no model 'iris' ships"),
        (f"iris={PATH}", "package.module:attribute"),
        (f"iris={PATH}:", "package.module:attribute"),
        ("iris=:double", "package.module:attribute"),
        ("iris=no.such.module:double", "ModuleNotFoundError"),
        ("iris=.relative:double", "cannot be loaded"),
        (f"iris={PATH}:no_such", "no_such"),
        (f"iris={PATH}:Greeter.predict", "cannot be loaded"),
        (f"iris={PATH}:Raises", "FileNotFoundError: weights.bin"),
        (f"iris={PATH}:Exits", "SystemExit: 3"),
        (f"iris={PATH}:WantsArguments", "TypeError"),
        (f"iris={PATH}:number", "is no function"),
        (f"iris={PATH}:PredictIsNoMethod", "is no function"),
    ],
)
def test_a_model_that_cannot_be_served_is_told_in_one_sentence(
    specification: str, says: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        load_models(specification)
    sentence = str(refused.value)
    assert says in sentence
    assert "\n" not in sentence
    if "iris" in specification:
        assert "'iris'" in sentence


def test_one_model_that_cannot_be_served_is_enough_to_serve_none() -> None:
    with pytest.raises(Misconfigured, match="'iris'"):
        load_models(f"demo,iris={PATH}:Raises")


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans())))
def test_the_demo_answers_four_digits_that_depend_on_the_input_alone(value: dict[str, Any]) -> None:
    digits = Demo().predict(value)
    assert len(digits) == 4
    assert digits.isdecimal()
    assert Demo().predict(dict(reversed(value.items()))) == digits


def test_the_demo_tells_inputs_apart() -> None:
    answers = {Demo().predict(number) for number in range(1000)}
    assert len(answers) > 900


@pytest.mark.parametrize("delay", ["-1", "inf", "nan", "long"])
def test_a_demo_that_would_think_for_no_number_of_seconds_is_not_loaded(
    no_settings: pytest.MonkeyPatch, delay: str
) -> None:
    no_settings.setenv("DEMO_DELAY_S", delay)
    with pytest.raises(Misconfigured, match=r"'demo'.*ValueError"):
        load_models("demo")


@pytest.mark.parametrize("delay", ["", "0", "0.001"])
def test_a_demo_may_think(no_settings: pytest.MonkeyPatch, delay: str) -> None:
    no_settings.setenv("DEMO_DELAY_S", delay)
    assert load_models("demo")["demo"]("x") == Demo().predict("x")
