"""The replier of request-reply: delivery → decode → deadline → model → reply → acknowledge.

``subscription.py`` has them handed over. Which run next is decided in ``lanes.py``, when in
``batching.py``, where in ``execution.py``; ``answers.py`` replies and acknowledges.
"""

import asyncio
import time
from collections.abc import Container, Coroutine, Iterable
from contextlib import suppress
from contextvars import Context
from typing import Any

import structlog

from common.amqp.channel import Channel, Delivery
from common.contract.messages import Reply
from common.errors import (
    Cancelled,
    DeadlineExceeded,
    MalformedRequest,
    ModelFailed,
    PredictionError,
    Unavailable,
)
from predictor_service.execution.invocation import Outcome
from predictor_service.execution.runner import ModelRunner, RunnerBroken
from predictor_service.request_reply.consumer import RequestConsumer
from predictor_service.request_reply.duplicates import RedeliveredRequests
from predictor_service.request_reply.job import Job, RunRecord
from predictor_service.request_reply.observer import Observer
from predictor_service.request_reply.progress_events import ProgressEvents
from predictor_service.request_reply.replies import ReplySender
from predictor_service.scheduling.batching import Batching
from predictor_service.scheduling.lanes import Lane
from predictor_service.scheduling.pace import Pace
from predictor_service.scheduling.run_queue import RunQueue

log = structlog.get_logger()


class Replier:
    """Runs requests in batches, as many at once as there are slots, and answers each.

    But for those whose correlation ids are among the ``cancelled``: they are not run any more, and
    not answered.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - it puts all these together
        self,
        execution: ModelRunner,
        answers: ReplySender,
        events: ProgressEvents,
        slots: int,
        batching: Batching,
        cancelled: Container[str] = (),
        *,
        observer: Observer | None = None,
    ) -> None:
        self._execution = execution
        self._answers = answers
        self._repeats = RedeliveredRequests()
        self._events = events
        self._batching = batching
        self._cancelled = cancelled
        self._observer = observer or Observer()
        self._one_by_one = {card.name for card in execution.cards if not card.takes_batches}
        self._lanes: RunQueue[Job] = RunQueue(slots, batching.max_batch, self._one_by_one)
        batched = len(self._one_by_one) < len(execution.cards)
        self._pace = Pace(slots, batching.max_batch if batched else 1)
        models = [card.name for card in execution.cards]
        self._subscription = RequestConsumer(models, self._on_delivery, self._prefetch_now)
        self._window: asyncio.TimerHandle | None = None
        self._is_filling = False
        self._under_way: set[asyncio.Task[None]] = set()
        self.draining = False
        self.rejected = 0
        """Deliveries that were no requests."""

    @property
    def waiting(self) -> int:
        """Requests that were handed over and have not started."""
        return len(self._lanes)

    @property
    def running(self) -> int:
        """Model calls that run now."""
        return self._lanes.running

    @property
    def prefetch(self) -> int:
        """What each lane is consumed with; 0: they are not."""
        return self._subscription.prefetch

    async def attach(self, channel: Channel) -> None:
        """Consume on a new connection."""
        await self._subscription.attach(channel)

    def detach(self) -> None:
        """The connection is gone: the broker hands over again what was not acknowledged."""
        self._subscription.detach()
        self._observer.done(self._lanes.clear())

    async def drain(self, timeout_s: float) -> None:
        """Stop consuming, give back what has not started, finish what runs.

        Returns after at most ``timeout_s`` seconds; what still runs then is not answered, and
        the broker hands it over again once the connection is closed.
        """
        self.draining = True
        try:
            async with asyncio.timeout(timeout_s):
                try:
                    await self._subscription.change()
                    waiting = self._lanes.clear()
                    self._observer.done(waiting)
                    await self._give_back(waiting)
                except Unavailable as exc:  # the broker has taken back what it handed over
                    log.warning("broker not told of the end", reason=exc.sentence)
                while self._under_way:
                    await asyncio.wait(self._under_way)
        except TimeoutError:
            log.warning("predictions left unfinished", count=len(self._under_way))

    def _prefetch_now(self) -> int:
        return 0 if self._is_ending else self._pace.prefetch(is_full=self._lanes.is_full)

    def _on_delivery(self, delivery: Delivery, model: str, lane: Lane) -> None:
        try:
            job = Job.from_delivery(delivery, model, lane)
        except MalformedRequest as exc:
            self.rejected += 1
            log.warning("request rejected", model=model, lane=lane.value, reason=exc.sentence)
            self._start(delivery.channel.reject(delivery.tag))
            return
        if self._repeats.is_answered(job):
            self._start(delivery.channel.acknowledge([delivery.tag]))
        elif not self._repeats.hold(job):
            self._lanes.put(job, model, lane, delivery.redeliveries, _clock_s())
            self._fill_slots_soon()

    def _fill_slots_soon(self) -> None:
        """When all that has arrived with this delivery is at hand: it may share a trip with it."""
        if not self._is_filling:
            self._is_filling = True
            asyncio.get_running_loop().call_soon(self._fill_slots)

    def _fill_slots(self) -> None:
        self._is_filling = False
        if self._window is not None:
            self._window.cancel()
            self._window = None
        while not self._is_ending and (upcoming := self._lanes.next_batch()):
            wait_s = self._batching.wait_s(upcoming, self.running, _clock_s())
            if wait_s > 0:
                loop = asyncio.get_running_loop()
                self._window = loop.call_later(wait_s, self._fill_slots)
                return
            self._start(self._serve(self._lanes.take()))
        if self._subscription.is_to_change:
            self._start(self._subscription.change())

    @property
    def _is_ending(self) -> bool:
        return self.draining or self._execution.broken.is_set()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        # In a context of its own: whoever starts it may be about another request.
        under_way = asyncio.create_task(_logged(work), context=Context())
        self._under_way.add(under_way)
        under_way.add_done_callback(self._under_way.discard)

    async def _serve(self, batch: list[Job]) -> None:
        self._observer.taken(batch)
        for job in batch:
            self._repeats.begin(job)
        ran: dict[Job, RunRecord] = {}
        try:
            ran = await self._run_in_slot(batch)
            replies = {job: self._reply(job, ran[job]) for job in ran}
            async for job in self._answers.send(replies):
                if replies[job] is not None:
                    self._repeats.answered(job)
                self._observer.ended(job, ran[job], replies[job])
        finally:
            self._observer.done(ran)
            self._lanes.answered(batch[0].model)
            self._let_repeats_go(ran)
            self._fill_slots()

    def _let_repeats_go(self, jobs: Iterable[Job]) -> None:
        """What came again while these ran is acknowledged with its answer, or else it runs."""
        for again in [held for job in jobs for held in self._repeats.end(job)]:
            if self._repeats.is_answered(again):
                self._start(again.delivery.channel.acknowledge([again.delivery.tag]))
            else:
                self._return([again])

    def _reply(self, job: Job, ran: RunRecord) -> Reply | None:
        """What is answered: nothing, if it was cancelled, maybe while it ran."""
        was_stopped = isinstance(ran.outcome, Cancelled)
        is_cancelled = was_stopped or job.request.correlation_id in self._cancelled
        return None if is_cancelled else job.reply(ran)

    async def _run_in_slot(self, batch: list[Job]) -> dict[Job, RunRecord]:
        """The next may run while this batch is answered."""
        ran: dict[Job, RunRecord] = {}
        try:
            ran = await self._run(batch)
            return ran
        finally:
            if rest := [job for job in batch if job not in ran]:
                self._let_repeats_go(rest)
                self._return(rest)
            self._lanes.ran(batch[0].model)
            self._fill_slots()

    def _return(self, jobs: list[Job]) -> None:
        """What has not been run waits on here, or goes back to the broker if nothing runs here."""
        if self._is_ending:
            self._observer.done(jobs)
            self._start(self._give_back(jobs))
            return
        here = [job for job in jobs if job.delivery.channel is self._subscription.channel]
        self._observer.done([job for job in jobs if job not in here])
        for lane in Lane:
            if back := [job for job in here if job.lane is lane]:
                self._lanes.put_back(back, back[0].model, lane, _clock_s())

    async def _run(self, batch: list[Job]) -> dict[Job, RunRecord]:
        """Run the model, but for those that are not to be started any more.

        What is not in the answer has not been run.
        """
        started_s = time.time()
        ran = {job: RunRecord(why, started_s) for job in batch if (why := self._too_late(job))}
        in_time = [job for job in batch if job not in ran]
        if in_time:
            with suppress(RunnerBroken):
                outcomes, took_s = await self._call(in_time)
                size = 1 if in_time[0].model in self._one_by_one else len(in_time)
                asked = in_time[: len(outcomes)]
                self._observer.ran(asked, started_s, took_s, size)
                for job, outcome in zip(asked, outcomes, strict=True):
                    ran[job] = RunRecord(outcome, started_s, took_s, size)
        return ran

    def _too_late(self, job: Job) -> PredictionError | None:
        """Why a request is not run any more, after it has waited here."""
        if job.request.correlation_id in self._cancelled:
            return Cancelled()
        if job.is_late:
            return DeadlineExceeded("No predictor started the prediction before its deadline.")
        return None

    async def _call(self, jobs: list[Job]) -> tuple[list[Outcome], float]:
        """The outcomes, and how many seconds the model took for each, or for all in one."""
        questions = [job.question() for job in jobs]
        started_s = _clock_s()
        try:
            with self._events.running(jobs), self._observer.model_call(jobs) as call:
                outcomes = await self._execution.run(jobs[0].model, questions)
                self._observer.called(call, outcomes)
        except RunnerBroken:
            raise
        except Exception:  # a bug of ours: whoever waits is told, and the rest goes on
            log.exception("model call failed in the predictor", model=jobs[0].model)
            outcomes = [ModelFailed("The predictor failed on this input.") for _ in jobs]
        runs = len(outcomes) if jobs[0].model in self._one_by_one else 1
        took_s = (_clock_s() - started_s) / runs
        self._pace.observe(took_s)
        self._lanes.chunk = self._pace.chunk
        return outcomes, took_s

    async def _give_back(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            await job.delivery.channel.requeue(job.delivery.tag)


def _clock_s() -> float:
    return time.monotonic()


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    """What the broker did not hear of, it will hand over again; the rest is a bug to be seen."""
    try:
        await work
    except Unavailable as exc:
        log.warning("request will be redelivered", reason=exc.sentence)
    except Exception:
        log.exception("request failed in the predictor")
