"""Loading models, and their cards."""

import sys
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest

from common.errors import Misconfigured
from predictor_service.models.loader import Model, load_model
from predictor_service.models.specification import parse_models
from tests.support.models.loadable import Features

PATH: Final = "tests.support.models.loadable"
BAD: Final = "tests.support.models.unloadable"


def load(attribute: str, module: str = PATH) -> Model:
    """Load the model that ``attribute`` names, as ``iris``."""
    (specification,) = parse_models(f"iris={module}:{attribute}")
    return load_model(specification)


@pytest.mark.parametrize(
    ("attribute", "value", "result"),
    [
        ("double", 2, 4),
        ("Greeter", "you", "hello you"),
        ("ready_made", "you", "hello you"),
        ("ready_made.predict", "you", "hello you"),
        ("Callable", 1, [1]),
        ("triple", 2, 6),
        ("Learns(path)", [1, 2], {"count": 2}),
        ("Async", 1, 1),
    ],
)
def test_a_model_is_a_function_a_class_or_an_object_that_predicts(
    attribute: str, value: Any, result: Any
) -> None:
    assert load(attribute).predict(value) == result


def test_a_model_that_ships_can_be_replaced_by_another_of_its_name() -> None:
    (specification,) = parse_models(f"demo={PATH}:double")
    assert load_model(specification).predict(1) == 2


def test_the_card_of_a_model_has_its_name_version_and_schemas() -> None:
    model = load("Typed")
    assert (model.card.name, model.card.version) == ("iris", "3")
    assert model.card.input_schema["$ref"] == "#/$defs/Features"
    assert model.card.input_schema["$defs"]["Features"]["properties"] == {
        "months": {"type": "integer", "minimum": 1}
    }
    assert model.card.output_schema == {"type": "array", "items": {"type": "number"}}
    assert model.decoder.decode(b'{"months": 2}') == Features(2)
    assert model.predict_batch is not None
    assert model.predict_batch([Features(2), Features(0)]) == [[1.0, 1.0], []]


def test_the_fields_of_an_input_may_have_the_names_of_schema_keywords() -> None:
    card = load("takes_limits").card
    assert card.input_schema["$defs"]["Limits"]["properties"] == {
        "uniqueItems": {"type": "boolean"},
        "maxItems": {"type": "integer"},
        "format": {"type": "string", "default": "decimal"},
    }


def test_a_model_may_learn_its_types_and_version_while_loading() -> None:
    card = load("Learns(a file.onnx)").card
    assert card.version == "a file.onnx"
    assert card.input_schema == {"type": "array", "items": {"type": "integer"}}
    assert card.output_schema["additionalProperties"] == {"type": "integer"}


@pytest.mark.parametrize("attribute", ["double", "Greeter", "Callable", "triple"])
def test_a_model_without_types_takes_any_json(attribute: str) -> None:
    model = load(attribute)
    assert (model.card.version, model.card.input_schema, model.card.output_schema) == ("", {}, {})
    assert model.predict_batch is None
    assert model.decoder.decode(b'[{"a": null}]') == [{"a": None}]


def test_a_model_whose_result_has_no_schema_is_loaded() -> None:
    card = load("returns_a_stranger").card
    assert (card.input_schema, card.output_schema) == ({"type": "integer"}, {})


def test_calls_of_async_models_share_one_event_loop() -> None:
    model = load("Async")
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(model.predict, range(20))) == [1] * 20
    assert model.predict_batch is not None
    assert model.predict_batch([1, 2, 3]) == [1, 1, 1]
    assert load("Async").predict(1) == 1


def predicted(model: Model, value: Any) -> Any:
    """Return the result of ``model``, within 10 s; a thread that it never leaves is abandoned."""
    ended: Future[Any] = Future()

    def run() -> None:
        try:
            ended.set_result(model.predict(value))
        except BaseException as exc:
            ended.set_exception(exc)

    Thread(target=run, daemon=True).start()
    return ended.result(timeout=10)


def test_an_async_model_that_exits_fails_and_its_next_call_does_not() -> None:
    model = load("Async")
    with pytest.raises(RuntimeError, match="SystemExit"):
        predicted(model, "exit")
    with pytest.raises(CancelledError):
        predicted(model, "cancel")
    assert predicted(model, 1) == 1


@pytest.mark.parametrize(
    ("attribute", "says"),
    [
        (
            "no_such",
            "AttributeError: module 'tests.support.models.unloadable' has no attribute 'no_such'",
        ),
        ("Raises", "FileNotFoundError: weights.bin"),
        ("RaisesInLines", "ImportError: no library Install it or not."),
        ("RaisesLater", "FileNotFoundError: VERSION"),
        ("Exits", "SystemExit: 3"),
        ("WantsArguments", "TypeError"),
        ("PredictIsNoMethod(argument)", "TypeError"),
        ("takes_nothing(argument)", "TypeError: only a class takes an argument"),
        ("number", "is no function and has no predict method"),
        ("PredictIsNoMethod", "is no function and has no predict method"),
        ("RaisesLater.predict", "does not take one input: missing a required argument: 'value'"),
        ("takes_nothing", "does not take one input: too many positional arguments"),
        ("takes_two", "does not take one input: missing a required argument: 'second'"),
        ("takes_a_name", "does not take one input"),
        ("takes_a_stranger", "takes an input that cannot be read from JSON"),
        ("takes_what_is_not_imported", "NameError: name 'Decimal' is not defined"),
        ("takes_what_does_not_exist", "AttributeError"),
        ("takes_what_is_no_python", "SyntaxError"),
        ("takes_something_unresolved", "NameError: name 'Decimal' is not defined"),
        ("takes_two_types_of_one_name", "two of its types have one name, <class '"),
        ("has_odd_examples", "takes an input that cannot be read from JSON"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_refused_in_one_sentence(
    attribute: str, says: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        load(attribute, BAD)
    sentence = str(refused.value)
    assert sentence.startswith(f"Model 'iris={BAD}:{attribute}' ")
    assert says in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("module", ["no.such.module", ".relative", "tests.unit.no_such", "a b"])
def test_a_module_that_cannot_be_imported_is_refused_in_one_sentence(module: str) -> None:
    (specification,) = parse_models(f"iris={module}:double")
    with pytest.raises(Misconfigured, match=r"^Model 'iris=.*' cannot be loaded: \w+Error: .+"):
        load_model(specification)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a user, as the current one."""
    monkeypatch.syspath_prepend(tmp_path / "nowhere")  # restores the path after the test
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_current_directory_is_importable(elsewhere: Path) -> None:
    (elsewhere / "predictmq_own_model.py").write_text("def add(value: int): return value + 1")
    (specification,) = parse_models("own=predictmq_own_model:add")
    assert load_model(specification).predict(1) == 2


@pytest.mark.parametrize("by_name", [False, True])
def test_the_current_directory_keeps_its_place_on_the_path(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, by_name: bool
) -> None:
    monkeypatch.setattr("sys.path", [*sys.path, str(elsewhere) if by_name else ""])
    before = list(sys.path)
    load("double")
    assert sys.path == before
