"""Any ONNX file, run by ONNX Runtime: ``PREDICTOR_MODEL="digits=onnx(path/to/digits.onnx)"``."""

from typing import Any

import numpy as np
from onnxruntime import InferenceSession, get_available_providers

from predictor_service.models.arrays import Dtype, array, record, to_array


class OnnxModel:
    """A model of the arrays in its file: one is nested lists, several are an object of their names.

    If all arrays share a free first axis, that axis is the batch: an input is one row, and rows of
    one shape are run together. Otherwise an input is all that one run takes.
    """

    def __init__(self, path: str) -> None:
        self._session = InferenceSession(path, providers=get_available_providers())
        takes, gives = self._session.get_inputs(), self._session.get_outputs()
        axes = {each.shape[0] if each.shape else 0 for each in takes + gives if _dtype(each)}
        self._has_rows = len(axes) == 1 and not isinstance(axes.pop(), int)
        self._dtypes = {each.name: _dtype(each) for each in takes}
        self._outputs = [each.name for each in gives]
        self.input_type, self.output_type = self._type("Input", takes), self._type("Output", gives)
        version = self._session.get_modelmeta().version
        self.version = str(version) if 0 < version < 2**63 - 1 else ""  # both mean: not given

    def predict(self, value: Any) -> Any:
        """Return the outputs for one input."""
        (result,) = self.predict_batch([value])
        return result

    def predict_batch(self, values: list[Any]) -> list[Any]:
        """Return the outputs for each input, from one run if all have the same shapes."""
        feeds = list(map(self._arrays, values))
        if self._has_rows:
            if len({str([each.shape for each in feed.values()]) for feed in feeds}) > 1:
                return [self.predict(value) for value in values]
            rows = {name: np.stack([feed[name] for feed in feeds]) for name in self._dtypes}
            results = list(zip(*self._session.run(None, rows), strict=True))
        else:
            results = [self._session.run(None, feed) for feed in feeds]
        named = [dict(zip(self._outputs, result, strict=True)) for result in results]
        return named if len(self._outputs) > 1 else [result[0] for result in results]

    def _arrays(self, value: Any) -> dict[str, Any]:
        named = value if len(self._dtypes) > 1 else dict.fromkeys(self._dtypes, value)
        return {name: to_array(named[name], dtype) for name, dtype in self._dtypes.items()}

    def _type(self, name: str, arguments: Any) -> Any:
        types = {each.name: array(_dtype(each), each.shape[self._has_rows :]) for each in arguments}
        return types.popitem()[1] if len(types) == 1 else record(name, types)


def _dtype(argument: Any) -> Dtype | None:
    """Return the type of a tensor's elements; None for a sequence or a map."""
    kind, _, name = argument.type.rstrip(")").partition("(")
    return np.dtype({"float": "f4", "string": "U"}.get(name, name)) if kind == "tensor" else None
