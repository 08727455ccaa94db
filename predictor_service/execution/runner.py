"""Where the models run: the port, and what its implementations share.

``threads.py`` runs them in threads of this process, ``processes.py`` in processes of their own.
Either way off the event loop, so that heartbeats go on whatever a model does.
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
    """The execution can run no more; the questions have not been run."""


class ModelRunner(Protocol):
    """Runs models, at most ``PREDICTOR_CONCURRENCY`` at once."""

    cards: tuple[ModelCard, ...]
    """The models it runs."""

    broken: asyncio.Event
    """Set when it can run no more: the predictor has to be started again."""

    on_progress: OnProgress
    """Called in the event loop with how far a prediction has come, while it is run."""

    async def run(self, model: str, questions: Sequence[ModelInput]) -> list[Outcome]:
        """Outcomes in the order of the questions; those at the end that have none were not asked.

        The first one has one.
        """

    def stop(self, correlation_id: str) -> None: ...
    def abandon(self) -> None: ...


def heard_in_loop(execution: ModelRunner) -> OnProgress:
    """What a model may call in its thread: ``on_progress`` hears of it in the event loop."""
    loop = asyncio.get_running_loop()

    def hear(correlation_id: str, progress: Progress) -> None:
        with suppress(RuntimeError):  # the loop has ended, and a model has not
            loop.call_soon_threadsafe(execution.on_progress, correlation_id, progress)

    return hear


def overdue(timeout_s: float) -> ModelFailed:
    """How a prediction ends that took longer than ``timeout_s`` seconds."""
    return ModelFailed(f"The model took longer than the {timeout_s:g} s it may take.")
