"""Models in threads of this process."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from predictor_service.execution.invocation import (
    ModelInput,
    OnProgress,
    Outcome,
    ignore_progress,
    invoke,
)
from predictor_service.execution.runner import overdue, progress_in_loop
from predictor_service.models.loader import load_model
from predictor_service.models.specification import Specification

log = structlog.get_logger()


class ThreadRunner:
    """``threads`` threads that share one copy of each model."""

    def __init__(
        self, specifications: Sequence[Specification], threads: int, timeout_s: float
    ) -> None:
        self._models = {each.name: load_model(each) for each in specifications}
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="model")
        self.cards = tuple(model.card for model in self._models.values())
        self.broken = asyncio.Event()
        self.on_progress: OnProgress = ignore_progress

    async def run(self, model: str, inputs: Sequence[ModelInput]) -> list[Outcome]:
        """Run a model: see ``ModelRunner.run``.

        An input that is not done within ``timeout_s`` seconds has failed. Its thread cannot be
        stopped and is lost, so this runner is ``broken``; the inputs behind it are not run.
        """
        loaded, outcomes = self._models[model], list[Outcome]()
        on_progress = progress_in_loop(self)

        def run_all() -> None:
            for outcome in invoke(loaded, inputs, on_progress):
                if self.broken.is_set():
                    return
                outcomes.append(outcome)

        call = asyncio.get_running_loop().run_in_executor(self._threads, run_all)
        done, _ = await asyncio.wait((call,), timeout=self._timeout_s)
        if done:
            call.result()
            return outcomes
        log.critical(
            "model is overdue, this predictor ends", model=model, timeout_s=self._timeout_s
        )
        self.broken.set()
        late = overdue(self._timeout_s)
        return [late] * len(inputs) if loaded.predict_batch else [*outcomes, late]

    def stop(self, correlation_id: str) -> None:
        """Do nothing: a thread cannot be stopped, and runs its input to the end."""

    def abandon(self) -> None:
        """Start nothing more; a call that runs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
