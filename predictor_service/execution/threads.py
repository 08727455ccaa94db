"""Run the models in threads of this process."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from predictor_service.execution.invocation import (
    ModelInput,
    OnProgress,
    Outcome,
    invoke,
    nobody_hears,
)
from predictor_service.execution.runner import heard_in_loop, overdue
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
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="model")
        self.cards = tuple(model.card for model in self._models.values())
        self.broken = asyncio.Event()
        self.on_progress: OnProgress = nobody_hears

    async def run(self, model: str, questions: Sequence[ModelInput]) -> list[Outcome]:
        """See ``Execution.run``.

        What is not done within ``timeout_s`` seconds is answered as failed. Its thread cannot
        be stopped and is lost, and so this execution is ``broken``; what was to be asked behind it
        is not.
        """
        asked, outcomes = self._models[model], list[Outcome]()
        hear = heard_in_loop(self)

        def ask_all() -> None:
            for outcome in invoke(asked, questions, hear):
                if self.broken.is_set():
                    return
                outcomes.append(outcome)

        call = asyncio.get_running_loop().run_in_executor(self._pool, ask_all)
        done, _ = await asyncio.wait((call,), timeout=self._timeout_s)
        if done:
            call.result()
            return outcomes
        log.critical(
            "model is overdue, this predictor ends", model=model, timeout_s=self._timeout_s
        )
        self.broken.set()
        late = overdue(self._timeout_s)
        return [late] * len(questions) if asked.predict_batch else [*outcomes, late]

    def stop(self, correlation_id: str) -> None:
        """A thread cannot be stopped: what it runs, it runs to the end."""

    def abandon(self) -> None:
        """Start nothing more. A call that runs is left to itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
