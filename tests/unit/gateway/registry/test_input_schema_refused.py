"""Refused inputs, and the sentences about them: short, with the path of the fault."""

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from common.contract.announcement import ModelCard
from common.errors import InvalidInput
from gateway.registry.input_schema import InputSchema
from gateway.registry.schema.fault import MAX_SHOWN_CHARS
from tests.unit.gateway.registry.test_input_schema import Cat, Dog, Node, Row, compiled


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
        (Annotated[int, Meta(multiple_of=2)], 3, "3 is not a multiple of 2 - at `$`."),
        (Annotated[int, Meta(lt=2)], 2, "is greater than or equal to the maximum of 2 - at `$`."),
        (Annotated[list[int], Meta(max_length=1)], [1, 2], "has more than 1 item - at `$`."),
        (Annotated[list[int], Meta(min_length=2)], [1], "has less than 2 items - at `$`."),
        (Literal["a", "b"], "c", '"c" is not one of "a" or "b" - at `$`.'),
        (Literal["a"], [], '[] is not one of "a" - at `$`.'),
        (
            Dog,
            {"type": "dog", "name": "a", "k": 1},
            "additional property, and none is allowed - at `$`.",
        ),
        (tuple[int, str], [1, 2], '2 is not of type "string" - at `$[1]`.'),
        (dict[str, int], {"a": "b"}, '"b" is not of type "integer" - at `$.a`.'),
        (Cat | Dog, {"type": "Cat", "lives": 10}, "the maximum of 9 - at `$.lives`."),
        (Cat | Dog, {"type": "cow"}, '"cow" is not a tag of the union - at `$.type`.'),
        (Cat | Dog, {}, "{} does not fit any branch of the union - at `$`."),
        (list[Cat | None], [3], '3 is not of types "null", "object" - at `$[0]`.'),
        (int | None, 1.5, '1.5 is not of type "integer" - at `$`.'),
        (Row, [1, 2], '2 is not of type "string" - at `$[1]`.'),
    ],
)
def test_an_input_that_does_not_fit_is_refused_with_the_path_of_the_fault(
    kind: Any, value: Any, sentence: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        compiled(kind).check(value)
    assert refused.value.sentence.endswith(sentence)


@pytest.mark.parametrize("draft", [4, 6, 7])
def test_what_is_beside_a_reference_does_not_count_in_early_drafts(draft: int) -> None:
    schema = {
        "$schema": f"http://json-schema.org/draft-0{draft}/schema#",
        "definitions": {"a": {"type": "integer"}},
        "properties": {"a": {"$ref": "#/definitions/a", "type": "string"}},
    }
    early = InputSchema(ModelCard(name="m", input_schema=schema))
    early.check({"a": 1})
    with pytest.raises(InvalidInput, match='"x" is not of type "integer"'):
        early.check({"a": "x"})
    late = InputSchema(ModelCard(name="m", input_schema=schema | {"$schema": _LATEST}))
    with pytest.raises(InvalidInput, match='1 is not of type "string"'):
        late.check({"a": 1})


_LATEST = "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    "value", ["x" * 10**6, {"k" * 10**6: "x"}, {"a": "y" * 1000}, {"k" * 500: {"k" * 500: 1}}]
)
def test_a_sentence_is_short_however_long_the_input_is(value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        compiled(dict[str, int]).check(value)
    assert len(refused.value.sentence) < 3 * MAX_SHOWN_CHARS
    assert " - at `$" in refused.value.sentence
    assert refused.value.sentence.endswith("`.")
