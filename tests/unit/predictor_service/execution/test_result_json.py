"""Results as JSON: NumPy's numbers too, and no value that JSON does not have."""

from array import array
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ModelFailed
from tests.support.models.invoking import NUMBER, Customer, Point, error_of, returning, run


class Numbers:
    """The method that NumPy's scalars and arrays have in common."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def tolist(self) -> Any:
        """Return Python's own types."""
        return self._value


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (Numbers(3), b"3"),
        (Numbers([[1.5, 2], []]), b"[[1.5,2],[]]"),
        ({"risk": Numbers(0.5), "shap": [Numbers([1])]}, b'{"risk":0.5,"shap":[[1]]}'),
        (array("d", [1, 2]), b"[1.0,2.0]"),
        (Customer(2, [Numbers(0.5)]), b'{"months":2,"features":[0.5]}'),  # type: ignore[list-item]
        (Point(1, 2), b'{"x":1,"y":2}'),
    ],
)
def test_results_of_numpy_and_of_classes_become_plain_json(result: Any, text: bytes) -> None:
    assert run(returning(result), NUMBER) == text


BAD_FLOATS: Final = st.sampled_from([float("nan"), float("inf"), -float("inf")])
WRAPPINGS: Final = st.lists(
    st.sampled_from(
        [
            lambda value: [None, value],
            lambda value: {"a": value, "b": None},
            lambda value: (value,),
            Numbers,
            lambda value: Point(1, value),
        ]
    ),
    max_size=6,
)


@given(BAD_FLOATS, WRAPPINGS)
def test_results_with_nan_or_infinity_at_any_depth_fail(
    result: Any, wrappings: list[Callable[[Any], Any]]
) -> None:
    for wrap in wrappings:
        result = wrap(result)
    with structlog.testing.capture_logs():
        assert error_of(run(returning(result), NUMBER))[0] is ModelFailed


@given(
    st.recursive(
        st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.just("null"),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["null", "a"]), inner)
        ),
        max_leaves=8,
    )
)
def test_results_with_null_are_json_and_arrive_unchanged(result: Any) -> None:
    outcome = run(returning(result), NUMBER)
    assert isinstance(outcome, bytes)
    assert msgspec.json.decode(outcome) == result
