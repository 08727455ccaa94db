"""Any MLflow model directory, as a pyfunc: ``PREDICTOR_MODEL="churn=mlflow(path/to/model)"``."""

import os
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # the import reads it

import pandas as pd
from mlflow import pyfunc

from predictor_service.models.arrays import to_array
from predictor_service.models.mlflow_signature import casts, row_type


class MlflowModel:
    """A model of the types in its MLflow signature, one row for each input.

    Columns with names make an object, a tensor is nested lists. Without a signature any JSON is
    taken, and objects become a table. The packages that the model needs have to be installed.
    """

    def __init__(self, path: str) -> None:
        self._model = pyfunc.load_model(path)
        signature = self._model.metadata.signature
        self._schema = signature.inputs if signature else None
        self.input_type = row_type("Input", self._schema)
        self.output_type = row_type("Output", signature.outputs if signature else None)
        self.version = str(self._model.metadata.model_uuid or "")

    def predict(self, value: Any) -> Any:
        """Return the result for one row."""
        (result,) = self.predict_batch([value])
        return result

    def predict_batch(self, values: list[Any]) -> list[Any]:
        """Return the result for each row, from one call."""
        results = self._model.predict(self._rows(values))
        if isinstance(results, pd.DataFrame):
            return list(results.to_dict("records"))
        if isinstance(results, dict):
            columns = zip(*results.values(), strict=True)
            return [dict(zip(results, row, strict=True)) for row in columns]
        return list(results)

    def _rows(self, values: list[Any]) -> Any:
        """Convert rows to the type that pyfunc takes: a table, an array, arrays, or a list."""
        schema = self._schema
        if schema is None:
            return pd.DataFrame(values) if isinstance(values[0], dict) else values
        if schema.is_tensor_spec() and not schema.has_input_names():
            return to_array(values, schema.inputs[0].type)
        if schema.is_tensor_spec():
            dtypes = {each.name: each.type for each in schema.inputs}
            return {n: to_array([value[n] for value in values], dtypes[n]) for n in dtypes}
        if schema.has_input_names():
            return pd.DataFrame(values).astype(casts(schema, values[0]))
        return values
