"""A model that does what its input tells it, for the tests to serve."""

import os
import time
from pathlib import Path
from typing import Any, Final

from predictor_service.models import InvalidInput

SCRIPTED: Final = {"PREDICTOR_MODEL": "scripted=tests.support.models:Scripted"}
"""Settings of a predictor that serves it."""


class Scripted:
    """Answers ``input["nonce"]`` after doing what the rest of the input says.

    Each run adds its nonce, as a line, to the file that ``RUNS_FILE`` names, if it names one.
    """

    def __init__(self) -> None:
        self._runs = os.environ.get("RUNS_FILE")

    def predict(self, script: Any) -> Any:
        """Sleep, die, raise or refuse; or else answer."""
        if self._runs:
            with Path(self._runs).open("a") as runs:
                runs.write(f"{script['nonce']}\n")
        time.sleep(script.get("sleep_s", 0))
        match script.get("then"):
            case "die":
                os._exit(1)
            case "raise":
                raise RuntimeError("a secret of the model")
            case "refuse":
                raise InvalidInput("The model knows no such thing.")
            case "return a set of objects":
                return {object()}
        return script["nonce"]
