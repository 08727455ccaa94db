"""The calls that wait for a reply: one table, no I/O, no task for each call."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from common.contract.messages import Reply
from common.errors import DeadlineExceeded, Unavailable


class ReplyQueueLost(Exception):
    """The loss of the reply queue with its connection: requests have to be published again."""


class PendingCall:
    """One call: its deadline, and the outcome of its current attempt."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        self._loop = loop
        self._deadline = loop.time() + timeout_s
        self._outcome: asyncio.Future[Reply | Exception] = loop.create_future()
        self._expired = False
        self._confirm: asyncio.Future[object] | None = None
        self._timer = loop.call_at(self._deadline, self._expire)

    def remaining_s(self) -> float:
        """Return the seconds until the deadline; 0 when it has passed."""
        return max(0.0, self._deadline - self._loop.time())

    @property
    def is_settled(self) -> bool:
        """True if the outcome of the current attempt is known."""
        return self._outcome.done()

    @property
    def is_confirmed(self) -> bool:
        """True if a queue has taken the request of the last attempt."""
        confirm = self._confirm
        if confirm is None or not confirm.done() or confirm.cancelled():
            return False
        return confirm.exception() is None

    def begin_attempt(self) -> None:
        """Begin a new attempt: forget the outcome of the last one, unless it is a reply."""
        if self._outcome.done() and not isinstance(self._outcome.result(), Reply):
            self._outcome = self._loop.create_future()
            if self._expired:
                self._expire()

    def track_confirm(self, confirm: asyncio.Future[object]) -> None:
        """Fail the current attempt if its request is not confirmed."""
        outcome, self._confirm = self._outcome, confirm

        def on_confirm(confirm: asyncio.Future[object]) -> None:
            error = None if confirm.cancelled() else confirm.exception()
            if isinstance(error, Exception) and not outcome.done():
                outcome.set_result(error)

        confirm.add_done_callback(on_confirm)

    async def reply(self) -> Reply:
        """Wait for the reply, a refusal, the deadline or a lost connection; the first one counts.

        Raises:
            DeadlineExceeded: no reply came in time.
            ReplyQueueLost: no reply will come unless the request is published again.
            Unavailable: the request was refused, or it is not known whether it was.
        """
        outcome = await self._outcome
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def settle(self, outcome: Reply | Exception) -> None:
        """Set the outcome of the attempt; the first one counts, but a reply replaces an error.

        Only ``Unavailable`` is replaced: a request whose confirm was lost may have arrived.
        """
        if self._outcome.done() and isinstance(outcome, Reply):
            if not isinstance(self._outcome.result(), Unavailable):
                return
            self._outcome = self._loop.create_future()
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    def close(self) -> None:
        """Cancel the timer of the deadline."""
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
        """Keep a call in the table while the context lasts; ``timeout_s`` is its time."""
        call = PendingCall(asyncio.get_running_loop(), timeout_s)
        self._calls[correlation_id] = call
        try:
            yield call
        finally:
            del self._calls[correlation_id]
            call.close()

    def settle(self, correlation_id: str, reply: Reply) -> bool:
        """Pass a reply to the call that waits for it; return whether there is one."""
        call = self._calls.get(correlation_id)
        if call is None:
            return False
        call.settle(reply)
        return True

    def interrupt(self) -> None:
        """Fail the current attempt of every call: the reply queue is lost."""
        for call in self._calls.values():
            call.settle(ReplyQueueLost())
