"""The calls that wait for a reply: one table, no I/O, no task for each call."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from common.contract.messages import Reply
from common.errors import DeadlineExceeded, Unavailable


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

    @property
    def is_settled(self) -> bool:
        """Whether it is known what comes of the attempt under way."""
        return self._outcome.done()

    def begin_attempt(self) -> None:
        """From now on only what comes of an attempt that begins now counts, or a reply."""
        if self._outcome.done() and not isinstance(self._outcome.result(), Reply):
            self._outcome = self._loop.create_future()
            if self._expired:
                self._expire()

    def track_confirm(self, confirm: asyncio.Future[object]) -> None:
        """The attempt under way has failed if the broker does not take its request."""
        outcome = self._outcome

        def on_confirm(confirm: asyncio.Future[object]) -> None:
            error = None if confirm.cancelled() else confirm.exception()
            if isinstance(error, Exception) and not outcome.done():
                outcome.set_result(error)

        confirm.add_done_callback(on_confirm)

    async def reply(self) -> Reply:
        """Wait for what comes first: the reply, a refusal, the deadline or a lost connection.

        Raises:
            DeadlineExceeded: no reply came in time.
            ReplyQueueLost: none will come, unless the request is sent again.
            Unavailable: the broker did not take the request, or nobody knows whether it did.
        """
        outcome = await self._outcome
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def settle(self, outcome: Reply | Exception) -> None:
        """Say what came of the attempt; the first word counts, but for a reply after a refusal.

        That the request's connection is lost does not say that it did not arrive.
        """
        if self._outcome.done() and isinstance(outcome, Reply):
            if not isinstance(self._outcome.result(), Unavailable):
                return
            self._outcome = self._loop.create_future()
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
