"""Background tasks of the replier."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

import structlog

from common.errors import Unavailable

log = structlog.get_logger()


class BackgroundTasks:
    """Tasks that no other task awaits. Each logs its own failure."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Count the tasks that have not ended."""
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work``, in a context of its own: its caller may be about another request."""
        task = asyncio.create_task(_logged(work), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Wait until every task has ended, also those that are started meanwhile."""
        while self._tasks:
            await asyncio.wait(self._tasks)


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work``; log that the broker redelivers what was not acknowledged, or a bug of ours."""
    try:
        await work
    except Unavailable as exc:
        log.warning("request will be redelivered", reason=exc.sentence)
    except Exception:
        log.exception("request failed in the predictor")
