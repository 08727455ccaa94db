"""An event loop whose time a test decides."""

import asyncio
from typing import Final

TURNS: Final = 5
"""More than a task needs to notice what has happened to it."""


class ManualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock goes on only when it is told to."""

    now_s = 0.0

    def time(self) -> float:
        return self.now_s

    def settle(self) -> None:
        """Run what is due and let every task go on from there."""
        for _ in range(TURNS):
            self.run_until_complete(asyncio.sleep(0))
