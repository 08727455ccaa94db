"""The start of a batch: at once, or a moment later. No I/O."""

from dataclasses import dataclass
from typing import Final

from predictor_service.scheduling.run_queue import NextBatch

SUSPECTS_GATHER_S: Final = 0.1
"""The wait after the last suspect: suspects that were requeued together are redelivered one by one,
and their order means something only when all of them are there."""


@dataclass(frozen=True)
class Batching:
    """Up to ``max_batch`` requests in one model call, which wait ``window_s`` seconds at most."""

    max_batch: int
    window_s: float

    def wait_s(self, upcoming: NextBatch, running: int, now_s: float) -> float:
        """Return how many seconds to wait before ``upcoming`` is started; 0: start it now.

        A lone request that finds the model idle does not wait: no other may come.
        """
        waited_s = now_s - upcoming.since_s
        if upcoming.is_suspect:
            return max(0.0, SUSPECTS_GATHER_S - waited_s)
        if upcoming.is_full or (upcoming.size == 1 and not running):
            return 0.0
        return max(0.0, self.window_s - waited_s)
