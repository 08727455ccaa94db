"""Models that do as their input demands, for tests to serve."""

import ctypes
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from predictor_service.models import InvalidInput, Report
from tests.support.harness.waiting import POLL_S

SCRIPTED: Final = {"PREDICTOR_MODEL": "scripted=tests.support.models.scripted:Scripted"}
"""The settings of a predictor that serves ``Scripted``."""


def _refuse(sentence: str) -> Any:
    raise InvalidInput(sentence)


def _raise() -> Any:
    raise RuntimeError("a secret of the model")


THEN: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "die": lambda _: os._exit(1),
    "exit": lambda _: sys.exit("enough"),
    "read memory that is not ours": lambda _: ctypes.string_at(0),
    "hold the interpreter lock": lambda script: ctypes.PyDLL(None).sleep(script["lock_s"]),
    "raise": lambda _: _raise(),
    "refuse": lambda _: _refuse("The model knows no such thing."),
    "refuse in words that cannot be encoded": lambda _: _refuse("\ud800"),
    "return a set of objects": lambda _: {object()},
}


class Scripted:
    """A model that returns ``input["nonce"]`` after doing what the rest of the input demands.

    ``until`` names a file whose existence it waits for.

    Each run adds its nonce, as a line, to the file that ``RUNS_FILE`` names, if it names one.
    """

    def __init__(self) -> None:
        self._runs = os.environ.get("RUNS_FILE")

    def predict(self, script: Any) -> Any:
        """Wait, sleep, and do what ``then`` demands; return its result, if it has one."""
        if self._runs:
            with Path(self._runs).open("a") as runs:
                runs.write(f"{script['nonce']}\n")
        time.sleep(script.get("sleep_s", 0))
        while "until" in script and not Path(script["until"]).exists():
            time.sleep(POLL_S)
        result = THEN[script["then"]](script) if "then" in script else None
        return result or script["nonce"]


REPORTING: Final = {"PREDICTOR_MODEL": "reporting=tests.support.models.scripted:Reporting"}
"""The settings of a predictor that serves ``Reporting``."""


class Reporting:
    """A model of ``input["steps"]`` steps that reports each.

    The file ``input["gate"]`` has a line for each step that may be taken; without a gate the model
    does not wait.
    """

    def predict(self, script: Any, report: Report) -> Any:
        """Return the number of steps; or the result of ``then``, as ``Scripted`` does."""
        steps = script["steps"]
        for step in range(1, steps + 1):
            while "gate" in script and len(Path(script["gate"]).read_text().splitlines()) < step:
                time.sleep(POLL_S)
            report(step / steps, f"step {step}")
        result = THEN[script["then"]](script) if "then" in script else None
        return result or steps
