"""Inputs and outputs of ONNX files as JSON: names, rows, texts, bounds."""

from pathlib import Path
from typing import Any

import msgspec
import onnx
import pytest
from onnx import TensorProto, helper

from common.errors import InvalidInput
from predictor_service.execution.invocation import ModelInput, invoke
from predictor_service.models.loader import load_model
from predictor_service.models.specification import parse_models

FLOAT, INT8, TEXT = TensorProto.FLOAT, TensorProto.INT8, TensorProto.STRING
Array = tuple[str, int, list[Any]]


def _answers(file: Path, inputs: list[Any]) -> list[Any]:
    """Return the results of the model in ``file``, for all inputs in one call."""
    (specification,) = parse_models(f"x=onnx({file})")
    questions = [ModelInput(msgspec.json.encode(each), "id") for each in inputs]
    return [
        msgspec.json.decode(outcome) if isinstance(outcome, bytes) else type(outcome)
        for outcome in invoke(load_model(specification), questions)
    ]


@pytest.mark.parametrize(
    ("operator", "takes", "gives", "answers"),
    [
        (
            "Add",
            [("a.1", FLOAT, ["N", 2]), ("b:0", FLOAT, ["N", 2])],
            ("y", FLOAT, ["N", 2]),
            [({"a.1": [1, 2], "b:0": [3, 4]}, [4, 6]), ({"a.1": [1, 2]}, InvalidInput)],
        ),
        (
            "Neg",
            [("x", FLOAT, ["N", "L"])],
            ("y", FLOAT, ["N", "L"]),
            [([1, 2], [-1, -2]), ([3], [-3]), ([1e300], InvalidInput)],
        ),
        (
            "Neg",
            [("x", FLOAT, [1, 2])],
            ("y", FLOAT, [1, 2]),
            [([[1, 2]], [[-1, -2]]), ([1, 2], InvalidInput)],
        ),
        ("NonZero", [("x", FLOAT, ["N"])], ("y", 7, [1, "M"]), [([1, 0, 2], [[0, 2]])]),
        ("Identity", [("x", TEXT, ["N"])], ("y", TEXT, ["N"]), [("é", "é"), (1, InvalidInput)]),
        ("Neg", [("x", INT8, ["N"])], ("y", INT8, ["N"]), [(3, -3), (300, InvalidInput)]),
    ],
    ids=["named", "rows of several lengths", "no rows", "another axis", "texts", "bounds"],
)
def test_an_input_is_one_row_where_the_file_has_rows_and_else_the_whole_array(
    tmp_path: Path, operator: str, takes: list[Array], gives: Array, answers: list[Any]
) -> None:
    node = helper.make_node(operator, [name for name, *_ in takes], [gives[0]])
    graph = helper.make_graph(
        [node],
        "graph",
        [helper.make_tensor_value_info(*each) for each in takes],
        [helper.make_tensor_value_info(*gives)],
    )
    file = tmp_path / "model.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), file)
    inputs, expected = zip(*answers, strict=True)
    assert _answers(file, list(inputs)) == list(expected)
