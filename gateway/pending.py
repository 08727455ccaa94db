"""The calls that wait for a reply: one table, no I/O, no task for each call."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import DeadlineExceeded
from common.messages import Reply


class ReplyQueueLost(Exception):
    """The reply queue went with its connection: what was sent has to be sent again."""


class PendingCall:
    """One call: by when it has to be answered, and what came of it so far."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        self._loop = loop
        self._deadline = loop.time() + timeout_s
        self._outcome: asyncio.Future[Reply | Exception] = loop.create_future()
        self._expired = False
        self._timer = loop.call_at(self._deadline, self._expire)

    def remaining_s(self) -> float:
        """Seconds until the deadline; 0 when it has passed."""
        return max(0.0, self._deadline - self._loop.time())

    def has_replied(self) -> bool:
        """Whether the reply has come."""
        return self._outcome.done() and isinstance(self._outcome.result(), Reply)

    def begin_attempt(self) -> None:
        """From now on only a loss of the reply queue in use from now on counts."""
        if self._outcome.done() and isinstance(self._outcome.result(), ReplyQueueLost):
            self._outcome = self._loop.create_future()
            if self._expired:
                self._expire()

    async def reply(self) -> Reply:
        """Wait for what comes first: the reply, the deadline or the end of the reply queue.

        Raises:
            DeadlineExceeded: no reply came in time.
            ReplyQueueLost: none will come, unless the request is sent again.
        """
        outcome = await self._outcome
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def settle(self, outcome: Reply | Exception) -> None:
        """Say what came of the attempt; the first word counts."""
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    def close(self) -> None:
        """Stop the clock."""
        self._timer.cancel()

    def _expire(self) -> None:
        self._expired = True
        self.settle(DeadlineExceeded("The prediction was not ready in time."))


class PendingCalls:
    """Correlation id → the call that waits for it."""

    def __init__(self) -> None:
        self._calls: dict[str, PendingCall] = {}

    def __len__(self) -> int:
        return len(self._calls)

    @contextmanager
    def open(self, correlation_id: str, timeout_s: float) -> Iterator[PendingCall]:
        """A call that waits at most ``timeout_s`` seconds; gone from the table afterwards."""
        call = PendingCall(asyncio.get_running_loop(), timeout_s)
        self._calls[correlation_id] = call
        try:
            yield call
        finally:
            del self._calls[correlation_id]
            call.close()

    def settle(self, correlation_id: str, reply: Reply) -> bool:
        """Give a reply to the call that waits for it; returns whether one did."""
        call = self._calls.get(correlation_id)
        if call is None:
            return False
        call.settle(reply)
        return True

    def interrupt(self) -> None:
        """Tell every call that the reply queue is gone."""
        for call in self._calls.values():
            call.settle(ReplyQueueLost())
