"""Deadlines that callers set for their async predictions, kept by the gateway that accepts them.

A queue drops expired requests only at its head, and never one that runs; so it cannot keep a
deadline that is earlier than those of the requests ahead. If this gateway ends before the deadline,
only the expiration of the request is left.
"""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import structlog

from common.contract.messages import Reply
from common.errors import DeadlineExceeded, Unavailable
from gateway.prediction_id import NO_OWNER, PredictionId, spell
from gateway.predictions.admission import Budget
from gateway.reply_stream.reply_stream import ReplyStream
from gateway.request_reply.final_states import FinalStates

MAX_OPEN: Final = 10_000
PUBLISH_TIMEOUT_S: Final = 10.0
RETRY_S: Final = 1.0

OUT_OF_TIME: Final = Reply.failed(DeadlineExceeded("The prediction was not ready in time."))

log = structlog.get_logger()


class Deadlines:
    """At most ``MAX_OPEN`` deadlines, each until its prediction ends; ``owners`` share them."""

    def __init__(
        self, stream: ReplyStream, final_states: FinalStates, owners: Collection[str] = ()
    ) -> None:
        self._stream = stream
        self._final_states = final_states
        self._open: set[asyncio.Task[None]] = set()
        self._budget = Budget(MAX_OPEN, "Too many predictions have a deadline of their own", owners)

    def __len__(self) -> int:
        """Return the number of deadlines that are kept."""
        return len(self._open)

    @contextmanager
    def keep(
        self, prediction_id: PredictionId, after_s: float, owner: str = NO_OWNER
    ) -> Iterator[None]:
        """Keep the deadline of a prediction that is accepted in this context, ``after_s`` from now.

        If the context raises an exception, the deadline is dropped.

        Raises:
            Unavailable: too many deadlines are kept already.
        """
        self._budget.take(owner, 1)
        task = asyncio.create_task(self._enforce(prediction_id, after_s))
        self._open.add(task)
        task.add_done_callback(partial(self._drop, owner))
        try:
            yield
        except BaseException:
            task.cancel()
            raise

    def close(self) -> None:
        """Drop all deadlines."""
        for task in self._open:
            task.cancel()

    def _drop(self, owner: str, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        self._budget.give_back(owner, 1)

    async def _enforce(self, prediction_id: PredictionId, after_s: float) -> None:
        await self._stream.waiters.wait(prediction_id, after_s)
        while prediction_id not in self._stream.results:
            try:
                await self._final_states.publish(
                    spell(prediction_id), OUT_OF_TIME, PUBLISH_TIMEOUT_S
                )
            except Unavailable as exc:
                log.info("deadline waits for the broker", reason=exc.sentence)
                await self._stream.waiters.wait(prediction_id, RETRY_S)
            else:
                self._final_states.notify_predictors(spell(prediction_id))
                return
