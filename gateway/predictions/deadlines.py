"""Deadlines that callers set for their async predictions, kept by the gateway that accepts them.

A queue drops expired requests only at its head, and not what runs; so it cannot keep a deadline
that is earlier than those before it. If this gateway ends before the deadline, the queue's own
expiry is left.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import structlog

from common.contract.messages import Reply
from common.errors import DeadlineExceeded, Unavailable
from gateway.prediction_id import PredictionId, spell

MAX_OPEN: Final = 10_000
SAY_TIMEOUT_S: Final = 10.0
RETRY_S: Final = 1.0

OUT_OF_TIME: Final = Reply.failed(DeadlineExceeded("The prediction was not ready in time."))

log = structlog.get_logger()


class Watch(Protocol):
    """Tells when a prediction ends."""

    async def until_final(self, prediction_id: PredictionId, timeout_s: float) -> None: ...


class Endings(Protocol):
    """Says final states."""

    async def say(self, correlation_id: str, final: Reply, timeout_s: float) -> None: ...
    def tell_predictors(self, correlation_id: str) -> None: ...


class Deadlines:
    """At most ``MAX_OPEN`` deadlines, each until its prediction ends.

    ``is_final`` tells which have ended.
    """

    def __init__(
        self, is_final: Callable[[PredictionId], bool], watch: Watch, endings: Endings
    ) -> None:
        self._is_final = is_final
        self._watch = watch
        self._endings = endings
        self._open: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._open)

    @contextmanager
    def kept(self, prediction_id: PredictionId, after_s: float) -> Iterator[None]:
        """Accept a prediction in this context, which is to end within ``after_s`` seconds from now.

        Whatever the context raises, nothing is kept then.

        Raises:
            Unavailable: too many deadlines are kept already.
        """
        if len(self._open) >= MAX_OPEN:
            raise Unavailable("Too many predictions have a deadline of their own; try again later.")
        keeping = asyncio.create_task(self._keep(prediction_id, after_s))
        self._open.add(keeping)
        keeping.add_done_callback(self._open.discard)
        try:
            yield
        except BaseException:
            keeping.cancel()
            raise

    def close(self) -> None:
        """Keep none any longer."""
        for keeping in self._open:
            keeping.cancel()

    async def _keep(self, prediction_id: PredictionId, after_s: float) -> None:
        await self._watch.until_final(prediction_id, after_s)
        while not self._is_final(prediction_id):
            try:
                await self._endings.say(spell(prediction_id), OUT_OF_TIME, SAY_TIMEOUT_S)
            except Unavailable as exc:
                log.info("deadline waits for the broker", reason=exc.sentence)
                await self._watch.until_final(prediction_id, RETRY_S)
            else:
                self._endings.tell_predictors(spell(prediction_id))
                return
