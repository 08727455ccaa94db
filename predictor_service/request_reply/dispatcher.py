"""The dispatch of requests: they are queued, and start in batches, each when it is due.

``scheduling/`` decides which run next and when; the timers are here.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from predictor_service.execution.runner import ModelRunner
from predictor_service.request_reply.job import Job
from predictor_service.scheduling.batching import Batching
from predictor_service.scheduling.lanes import Lane
from predictor_service.scheduling.pace import Pace
from predictor_service.scheduling.run_queue import RunQueue


class Dispatcher:
    """The queue of the requests for ``runner``; ``start`` is called with each batch that is due.

    ``ran`` and then ``answered`` have to be called, once for each batch. ``on_dispatched`` is
    called when no further batch is due. After ``end``, or when the runner is broken, none starts.
    """

    def __init__(
        self,
        runner: ModelRunner,
        slots: int,
        batching: Batching,
        start: Callable[[list[Job]], None],
        on_dispatched: Callable[[], None],
    ) -> None:
        self._broken = runner.broken
        self._batching = batching
        self._start = start
        self._on_dispatched = on_dispatched
        one_by_one = {card.name for card in runner.cards if not card.takes_batches}
        is_batched = len(one_by_one) < len(runner.cards)
        self._run_queue: RunQueue[Job] = RunQueue(slots, batching.max_batch, one_by_one)
        self.pace = Pace(slots, batching.max_batch if is_batched else 1)
        self._window: asyncio.TimerHandle | None = None
        self._is_scheduled = False
        self.has_ended = False

    @property
    def waiting(self) -> int:
        """The number of requests that wait."""
        return len(self._run_queue)

    @property
    def running(self) -> int:
        """The number of slots in use."""
        return self._run_queue.running

    @property
    def is_ending(self) -> bool:
        """True if no batch starts any more."""
        return self.has_ended or self._broken.is_set()

    def wanted_prefetch(self) -> int:
        """Return the prefetch that is right now; 0: do not consume."""
        return 0 if self.is_ending else self.pace.prefetch(is_full=self._run_queue.is_full)

    def put(self, job: Job) -> None:
        """Queue a request, and dispatch when all that arrive with it are queued.

        They may share a chunk.
        """
        redeliveries = job.delivery.redeliveries
        self._run_queue.put(job, job.model, job.lane, redeliveries, time.monotonic())
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self.dispatch)

    def put_back(self, jobs: Sequence[Job]) -> None:
        """Queue requests of one model that were started and not run, before all others."""
        for lane in Lane:
            if back := [job for job in jobs if job.lane is lane]:
                self._run_queue.put_back(back, back[0].model, lane, time.monotonic())

    def clear(self) -> list[Job]:
        """Remove and return the requests that wait."""
        return self._run_queue.clear()

    def end(self) -> None:
        """Start no further batch."""
        self.has_ended = True

    def ran(self, model: str) -> None:
        """Free the slot of a batch: the next one may run while this one is answered."""
        self._run_queue.chunk = self.pace.chunk
        self._run_queue.ran(model)
        self.dispatch()

    def answered(self, model: str) -> None:
        """Record that a batch is answered, or that it will not be."""
        self._run_queue.answered(model)

    def dispatch(self) -> None:
        """Start the batches that are due, as many as there are free slots for."""
        self._is_scheduled = False
        if self._window is not None:
            self._window.cancel()
            self._window = None
        while not self.is_ending and (upcoming := self._run_queue.next_batch()):
            wait_s = self._batching.wait_s(upcoming, self.running, time.monotonic())
            if wait_s > 0:
                self._window = asyncio.get_running_loop().call_later(wait_s, self.dispatch)
                return
            self._start(self._run_queue.take())
        self._on_dispatched()
