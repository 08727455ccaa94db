"""An event loop whose clock a test moves."""

import asyncio
from contextlib import suppress
from typing import Final

from common.errors import PredictionError

TURNS: Final = 5
"""More passes of the loop than a task needs to react to an event."""


class ManualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock stands still unless a test moves it."""

    now_s = 0.0

    def time(self) -> float:
        return self.now_s

    def settle(self) -> None:
        """Run the callbacks that are due, and every task as far as it can go."""
        for _ in range(TURNS):
            self.run_until_complete(asyncio.sleep(0))

    def end(self) -> None:
        """Cancel every task and close the loop.

        Raises:
            Exception: what a task raised on the way out, but for errors of the contract.
        """
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        self.settle()
        self.close()
        for task in tasks:
            with suppress(asyncio.CancelledError, PredictionError):
                task.result()
