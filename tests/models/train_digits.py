"""Train a classifier of handwritten digits and export it, to try the `onnx` model with.

``.venv-models/bin/python -m tests.models.train_digits digits`` makes the directory ``digits``:
``digits.onnx``, which takes one image as 64 numbers from 0 (white) to 16 (black); and
``held-out.json``, the images that it was not trained on, with what they show (``labels``) and
what scikit-learn says that they show (``predicted``).
"""

import json
import sys
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def train(directory: Path) -> None:
    """Write both files into ``directory``; creates it if need be."""
    images, labels = load_digits(return_X_y=True)  # they are part of scikit-learn
    images, held_out, labels, truth = train_test_split(
        images.astype(np.float32), labels, test_size=0.25, random_state=0, stratify=labels
    )
    classifier = make_pipeline(
        StandardScaler(), MLPClassifier((64,), max_iter=500, random_state=0)
    ).fit(images, labels)
    exported = to_onnx(classifier, images[:1], options={"zipmap": False})
    exported.model_version = 1
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "digits.onnx").write_bytes(exported.SerializeToString())
    answers = {
        "images": held_out.tolist(),
        "labels": truth.tolist(),
        "predicted": classifier.predict(held_out).tolist(),
    }
    (directory / "held-out.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    train(Path(sys.argv[1]))
