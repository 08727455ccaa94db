"""A model that does what its input tells it, for the tests to serve."""

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
    """Answers ``input["nonce"]`` after doing what the rest of the input says.

    ``until`` names a file: it waits until that is there.

    Each run adds its nonce, as a line, to the file that ``RUNS_FILE`` names, if it names one.
    """

    def __init__(self) -> None:
        self._runs = os.environ.get("RUNS_FILE")

    def predict(self, script: Any) -> Any:
        """Wait, sleep, and do what ``then`` says: what that returns, if anything, is the answer."""
        if self._runs:
            with Path(self._runs).open("a") as runs:
                runs.write(f"{script['nonce']}\n")
        time.sleep(script.get("sleep_s", 0))
        while "until" in script and not Path(script["until"]).exists():
            time.sleep(POLL_S)
        answer = THEN[script["then"]](script) if "then" in script else None
        return answer or script["nonce"]


REPORTING: Final = {"PREDICTOR_MODEL": "reporting=tests.support.models.scripted:Reporting"}
"""The settings of a predictor that serves ``Reporting``."""


class Reporting:
    """Takes ``input["steps"]`` steps and reports each, once the file ``input["gate"]`` lets it.

    That file has a line for each step that may be taken; without a gate there is no waiting.
    """

    def predict(self, script: Any, report: Report) -> Any:
        """The number of steps; or what ``then`` says, as ``Scripted`` does."""
        steps = script["steps"]
        for step in range(1, steps + 1):
            while "gate" in script and len(Path(script["gate"]).read_text().splitlines()) < step:
                time.sleep(POLL_S)
            report(step / steps, f"step {step}")
        answer = THEN[script["then"]](script) if "then" in script else None
        return answer or steps
