"""Refused inputs, and the sentences about them: short, with the path of the fault."""

from typing import Annotated, Any

import msgspec
import pytest
import structlog
from msgspec import Meta

from common.contract.announcement import ModelCard
from common.errors import InvalidInput
from gateway.registry.input_schema import MAX_SHOWN_CHARS, InputSchema
from tests.unit.gateway.registry.test_input_schema import Cat, Dog, Node, compiled


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        (list[float], [1, 2, 3, "x"], '"x" is not of type "number" - at `$[3]`.'),
        (dict[str, list[int]], {"a": [1.5]}, '1.5 is not of type "integer" - at `$.a[0]`.'),
        (Annotated[int, Meta(ge=0)], -1, "-1 is less than the minimum of 0 - at `$`."),
        (Node, {"children": [{"theValue": []}]}, "at `$.children[0].theValue`."),
        (Dog, {"type": "dog"}, '"name" is a required property - at `$`.'),
        (Cat, {"type": "dog"}, "at `$.type`."),
        (set[int], ["a"], '"a" is not of type "integer" - at `$[0]`.'),
        (Annotated[set[int], Meta(min_length=1)], [], "at `$`."),
        (Annotated[str, Meta(pattern="a", max_length=1)], "bb", "at `$`."),
    ],
)
def test_an_input_that_does_not_fit_is_refused_with_the_path_of_the_fault(
    kind: Any, value: Any, sentence: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        compiled(kind).check(value)
    assert refused.value.sentence.endswith(sentence)


@pytest.mark.parametrize(
    "value", ["x" * 10**6, {"k" * 10**6: "x"}, {"a": "y" * 1000}, {"k" * 500: {"k" * 500: 1}}]
)
def test_a_sentence_is_short_however_long_the_input_is(value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        compiled(dict[str, int]).check(value)
    assert len(refused.value.sentence) < 3 * MAX_SHOWN_CHARS
    assert " - at `$" in refused.value.sentence
    assert refused.value.sentence.endswith("`.")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "file:///etc/hostname"},
        {"$schema": "http://127.0.0.1:9/schema"},
        {"minimum": "0"},
    ],
)
def test_a_malformed_schema_fits_everything_and_is_logged(
    schema: dict[str, Any],
) -> None:
    with structlog.testing.capture_logs() as logs:
        unreadable = InputSchema(ModelCard(name="m", input_schema=schema))
    for text in (b"null", b"1", b"[]", b"{}"):
        unreadable.check(msgspec.json.decode(text))
    assert [line["model"] for line in logs] == ["m"]
    assert len(logs[0]["reason"]) <= MAX_SHOWN_CHARS


def test_a_reference_of_a_schema_is_not_fetched() -> None:
    """The file of this reference exists and is valid."""
    with structlog.testing.capture_logs() as logs:
        InputSchema(ModelCard(name="m", input_schema={"$ref": f"file://{__file__}"}))
    assert "disabled" in logs[0]["reason"]
