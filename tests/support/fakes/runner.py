"""A runner of models whose calls end when a test lets them."""

import asyncio
from collections.abc import Sequence

from common.contract.announcement import ModelCard
from common.telemetry.correlation import known_correlation_id
from predictor_service.execution.invocation import (
    ModelInput,
    OnProgress,
    Outcome,
    ignore_progress,
)


class ScriptedRunner:
    """A runner of one model, ``m``, which returns ``1`` for each input that it comes to."""

    def __init__(self, *, takes_batches: bool = False) -> None:
        self.cards: tuple[ModelCard, ...] = (ModelCard(name="m", takes_batches=takes_batches),)
        self.broken = asyncio.Event()
        self.on_progress: OnProgress = ignore_progress
        self.calls: list[list[str]] = []
        """The correlation ids of the inputs of each call."""
        self.logged_under: list[str] = []
        """The correlation id that was bound to the log as each call began."""
        self.comes_to: int | None = None
        """The number of inputs that a call comes to; None: all."""
        self._may_end = asyncio.Semaphore(0)

    async def run(self, model: str, inputs: Sequence[ModelInput]) -> list[Outcome]:
        self.calls.append([each.correlation_id for each in inputs])
        self.logged_under.append(known_correlation_id())
        await self._may_end.acquire()
        return [b"1" for _ in inputs[: self.comes_to]]

    def end_calls(self, count: int = 1) -> None:
        """Let calls end: the first ``count`` that run, or are yet to run."""
        for _ in range(count):
            self._may_end.release()

    def stop(self, correlation_id: str) -> None:
        """Do nothing: no call can be stopped."""

    def abandon(self) -> None:
        """Do nothing: there is nothing to end."""
