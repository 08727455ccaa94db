"""Save MLflow models of several signatures: ``python -m tests.models.save_mlflow directory``."""

import sys
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from mlflow.types.schema import Array, DataType, Object, Property
from sklearn.linear_model import LogisticRegression

PEOPLE = pd.DataFrame({"age": [20, 30, 50, 60], "income": [1.0, 2.0, 1.0, 2.0]})
FLOATS = np.dtype("float32")


def sums(model_input: Any) -> Any:
    """Return two named results for each row of an array."""
    return {"sum": model_input.sum(axis=1), "first": model_input[:, 0]}


def facts(model_input: Any) -> Any:
    """Return a table from columns with lists, objects and times."""
    return pd.DataFrame(
        {
            "words": [len(words) for words in model_input["words"]],
            "city": [place["city"] for place in model_input["place"]],
            "year": [since.year for since in model_input["since"]],
            "extra": ["extra" in model_input for _ in range(len(model_input))],
        }
    )


def doubles(model_input: Any) -> Any:
    """Return each value doubled."""
    return [2 * value for value in model_input]


def save(directory: Path) -> None:
    """Save all models, each under its name."""
    mlflow.sklearn.save_model(
        LogisticRegression().fit(PEOPLE, ["stays", "stays", "leaves", "leaves"]),
        directory / "table",
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
        signature=ModelSignature(
            Schema([ColSpec("integer", "age"), ColSpec("double", "income")]),
            Schema([ColSpec("string")]),
        ),
    )
    place = Object([Property("city", DataType.string), Property("zip", DataType.string, False)])
    signatures = {
        sums: ModelSignature(Schema([TensorSpec(FLOATS, (-1, 3))])),
        facts: ModelSignature(
            Schema(
                [
                    ColSpec(Array(DataType.string), "words"),
                    ColSpec(place, "place"),
                    ColSpec("datetime", "since"),
                    ColSpec("long", "extra", required=False),
                ]
            )
        ),
        doubles: None,
    }
    for function, signature in signatures.items():
        mlflow.pyfunc.save_model(
            directory / function.__name__,
            python_model=function,
            pip_requirements=["numpy"],
            signature=signature,
        )


if __name__ == "__main__":
    save(Path(sys.argv[1]))
