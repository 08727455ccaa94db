"""The port to the models: run inputs somewhere off the event loop.

``threads.py`` runs them in threads of this process, ``processes.py`` in processes of their own.
In both heartbeats go on, whatever a model does.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from common.contract.announcement import ModelCard
from common.contract.progress import Progress
from common.errors import ModelFailed
from predictor_service.execution.invocation import ModelInput, OnProgress, Outcome


class RunnerBroken(Exception):
    """The runner can run no more inputs; those that it was given have not been run."""


class ModelRunner(Protocol):
    """A runner of models, with at most ``PREDICTOR_CONCURRENCY`` calls at once."""

    on_progress: OnProgress
    """Called in the event loop with the progress of a prediction that runs."""

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The models that it runs."""

    @property
    def broken(self) -> asyncio.Event:
        """Set when it can run no more: the predictor has to be started again."""

    async def run(self, model: str, inputs: Sequence[ModelInput]) -> list[Outcome]:
        """Return outcomes in the order of the inputs, one or more.

        Inputs at the end without an outcome have not been run.
        """

    def stop(self, correlation_id: str) -> None:
        """Stop running the input of this id, if that can be stopped."""

    def abandon(self) -> None:
        """Start nothing more, and release what can be released."""


def progress_in_loop(runner: ModelRunner) -> OnProgress:
    """Return a callback for other threads that calls ``on_progress`` in the event loop."""
    loop = asyncio.get_running_loop()

    def on_progress(correlation_id: str, progress: Progress) -> None:
        with suppress(RuntimeError):  # the loop has ended, and the model still runs
            loop.call_soon_threadsafe(runner.on_progress, correlation_id, progress)

    return on_progress


def overdue(timeout_s: float) -> ModelFailed:
    """Return the error of a prediction that took longer than ``timeout_s`` seconds."""
    return ModelFailed(f"The model took longer than the {timeout_s:g} s it may take.")
