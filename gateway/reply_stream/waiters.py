"""Waiters for final states: one future and one timer each, no polling. No I/O."""

import asyncio
from collections.abc import Callable

from gateway.prediction_id import PredictionId


class Waiters:
    """Prediction id → the futures of its waiters; ``is_final`` returns whether it has ended.

    ``wake`` is called after a final state is recorded, so that a woken waiter finds it. A wait also
    ends without a final state, so its caller has to look the prediction up.
    """

    def __init__(self, is_final: Callable[[PredictionId], bool]) -> None:
        self._is_final = is_final
        self._waiting: dict[PredictionId, set[asyncio.Future[None]]] = {}
        self._interruptible: set[asyncio.Future[None]] = set()
        self._is_interrupted = False

    def __len__(self) -> int:
        """Return the number of waiters."""
        return sum(map(len, self._waiting.values()))

    async def wait(
        self, prediction_id: PredictionId, timeout_s: float, *, interruptible: bool = False
    ) -> None:
        """Wait until a final state is recorded, at most ``timeout_s`` seconds.

        Returns at once if it is already; an ``interruptible`` wait also ends with ``interrupt``.
        """
        if (
            self._is_final(prediction_id)
            or timeout_s <= 0
            or (interruptible and self._is_interrupted)
        ):
            return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        waiters = self._waiting.setdefault(prediction_id, set())
        waiters.add(waiter)
        if interruptible:
            self._interruptible.add(waiter)
        timer = loop.call_later(timeout_s, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._interruptible.discard(waiter)
            waiters.discard(waiter)
            if not waiters and self._waiting.get(prediction_id) is waiters:
                del self._waiting[prediction_id]

    def wake(self, prediction_id: PredictionId) -> None:
        """Wake the waiters of a prediction: its final state is recorded."""
        for waiter in self._waiting.pop(prediction_id, ()):
            _wake(waiter)

    def interrupt(self) -> None:
        """Wake interruptible waiters, now and later ones at once: this gateway shuts down."""
        self._is_interrupted = True
        for waiter in self._interruptible:
            _wake(waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
