"""Consumers of queues: how a predictor that does not announce itself is found."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from common.contract.topology import sync_queue
from common.errors import Unavailable

REMEMBER_S: Final = 1.0
"""Time for which an answer is good."""

PATIENCE_S: Final = 1.0
"""Time that a call waits for an answer."""

_MAX_REMEMBERED: Final = 1_000
_MAX_QUESTIONS: Final = 8
_MAX_OPEN: Final = 100
"""Answers that are kept, questions that the broker is asked at once, and those without an answer:
beyond that, no call is refused."""

CountConsumers = Callable[[str], Awaitable[int]]
"""Returns the number of consumers of a queue; raises ``Unavailable`` if that cannot be told."""

log = structlog.get_logger()


class QueueConsumers:
    """The consumers of the sync queues, as ``count`` tells; each model is one question at a time.

    ``now_s`` is a monotonic clock.
    """

    def __init__(self, now_s: Callable[[], float], count: CountConsumers) -> None:
        self._now_s = now_s
        self._count = count
        self._slots = asyncio.Semaphore(_MAX_QUESTIONS)
        self._asked: dict[str, tuple[int, float]] = {}
        """The consumers of a model, and when the answer came; the oldest is the first."""
        self._questions: dict[str, asyncio.Task[int | None]] = {}

    async def may_serve(
        self, model: str, *, leaving: int = 0, since_s: float = float("-inf")
    ) -> bool:
        """Return whether a model has consumers; also True where that cannot be told in time.

        An answer from before ``since_s`` does not count. ``leaving`` consumers are not meant: a
        quorum queue counts a consumer that was cancelled until its last delivery is settled.
        """
        consumers, asked_s = self._asked.get(model, (0, float("-inf")))
        if asked_s >= max(since_s, self._now_s() - REMEMBER_S):
            return consumers > leaving
        question = self._questions.get(model)
        if question is None:
            if len(self._questions) >= _MAX_OPEN:
                return True
            question = self._questions[model] = asyncio.create_task(self._ask(model))
        done, _ = await asyncio.wait((question,), timeout=PATIENCE_S)
        counted = question.result() if done else None
        return counted is None or counted > leaving

    async def _ask(self, model: str) -> int | None:
        try:
            async with self._slots:
                consumers = await self._count(sync_queue(model))
        except Unavailable as exc:
            log.info("consumers not counted", model=model, reason=exc.sentence)
            return None
        finally:
            del self._questions[model]
        self._asked.pop(model, None)
        self._asked[model] = consumers, self._now_s()
        if len(self._asked) > _MAX_REMEMBERED:
            del self._asked[next(iter(self._asked))]
        return consumers
