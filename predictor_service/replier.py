"""The replier of request-reply: delivery → decode → deadline → model → reply → acknowledge.

Which requests run next is decided in ``lanes.py``, when in ``batching.py``, where in
``execution.py``; ``answers.py`` replies and acknowledges.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any

import structlog

from common.channel import Channel, Delivery
from common.errors import DeadlineExceeded, MalformedRequest, ModelFailed, Unavailable
from common.topology import async_queue, sync_queue
from predictor_service.answers import Answers
from predictor_service.batching import Batching
from predictor_service.execution import Broken, Execution
from predictor_service.invocation import Outcome
from predictor_service.job import Job
from predictor_service.lanes import Lane, Lanes
from predictor_service.prefetch import Prefetch

log = structlog.get_logger()


class Replier:
    """Runs requests in batches, as many at once as there are slots, and answers each."""

    def __init__(
        self, execution: Execution, answers: Answers, slots: int, batching: Batching
    ) -> None:
        self._execution = execution
        self._answers = answers
        self._batching = batching
        one_by_one = [card.name for card in execution.cards if not card.takes_batches]
        self._lanes: Lanes[Job] = Lanes(slots, batching.max_batch, one_by_one)
        batched = len(one_by_one) < len(execution.cards)
        self._prefetch = Prefetch(slots, batching.max_batch if batched else 1)
        self._channel: Channel | None = None
        self._consumer_tags: list[str] = []
        self.prefetch = 0
        """What each lane is consumed with; 0: they are not."""
        self._subscribing = asyncio.Lock()
        self._window: asyncio.TimerHandle | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self.draining = False

    @property
    def running(self) -> int:
        """Model calls that run now."""
        return self._lanes.running

    async def attach(self, channel: Channel) -> None:
        """Consume both lanes of every model on a new connection."""
        self._channel = channel
        await self._subscribe()

    def detach(self) -> None:
        """The connection is gone: the broker hands over again what was not acknowledged."""
        self._channel = None
        self._consumer_tags, self.prefetch = [], 0
        self._lanes.clear()

    async def drain(self, timeout_s: float) -> None:
        """Stop consuming, give back what has not started, finish what runs.

        Returns after at most ``timeout_s`` seconds; what still runs then is not answered, and
        the broker hands it over again once the connection is closed.
        """
        self.draining = True
        try:
            async with asyncio.timeout(timeout_s):
                try:
                    await self._subscribe()
                    await self._give_back(self._lanes.clear())
                except Unavailable as exc:  # the broker has taken back what it handed over
                    log.warning("broker not told of the end", reason=exc.sentence)
                while self._under_way:
                    await asyncio.wait(self._under_way)
        except TimeoutError:
            log.warning("predictions left unfinished", count=len(self._under_way))

    @property
    def _prefetch_now(self) -> int:
        return 0 if self._is_ending else self._prefetch.count(is_full=self._lanes.is_full)

    async def _subscribe(self) -> None:
        """Consume with the prefetch that is right now; what was handed over stays at hand."""
        async with self._subscribing:
            while (channel := self._channel) and self.prefetch != self._prefetch_now:
                while self._consumer_tags:
                    await channel.cancel(self._consumer_tags.pop())
                self.prefetch = prefetch = self._prefetch_now
                if prefetch:
                    await self._consume_all(channel, prefetch)

    async def _consume_all(self, channel: Channel, prefetch: int) -> None:
        for card in self._execution.cards:
            lanes = ((sync_queue, Lane.SYNC), (async_queue, Lane.ASYNC))
            for queue, lane in lanes:
                tag = await self._consume(channel, queue(card.name), lane, card.name, prefetch)
                self._consumer_tags.append(tag)

    async def _consume(
        self, channel: Channel, queue: str, lane: Lane, model: str, prefetch: int
    ) -> str:
        def on_delivery(delivery: Delivery) -> None:
            if channel is not self._channel:  # it will be handed over again
                return
            try:
                job = Job.from_delivery(delivery, model)
            except MalformedRequest as exc:
                log.warning("request rejected", queue=queue, reason=exc.sentence)
                self._start(channel.reject(delivery.tag))
                return
            self._lanes.put(job, model, lane, delivery.redeliveries, _clock_s())
            self._fill_slots()

        return await channel.consume(queue, on_delivery, prefetch=prefetch)

    def _fill_slots(self) -> None:
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
        if self.prefetch != self._prefetch_now and not self._subscribing.locked():
            self._start(self._subscribe())

    @property
    def _is_ending(self) -> bool:
        return self.draining or self._execution.broken.is_set()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        under_way = asyncio.create_task(_logged(work))
        self._under_way.add(under_way)
        under_way.add_done_callback(self._under_way.discard)

    async def _serve(self, batch: list[Job]) -> None:
        try:
            outcomes = await self._run_in_slot(batch)
            await asyncio.gather(
                *(_logged(self._answers.send(job, job.reply(outcomes[job]))) for job in outcomes)
            )
            await self._give_back(job for job in batch if job not in outcomes)
        finally:
            self._lanes.answered(batch[0].model)
            self._fill_slots()

    async def _run_in_slot(self, batch: list[Job]) -> dict[Job, Outcome]:
        """The next may run while this batch is answered."""
        try:
            return await self._run(batch)
        finally:
            self._lanes.ran(batch[0].model)
            self._fill_slots()

    async def _run(self, batch: list[Job]) -> dict[Job, Outcome]:
        """Run the model, but for those whose deadline has passed while they waited here.

        What has no outcome then has not been run.
        """
        outcomes: dict[Job, Outcome] = {
            job: DeadlineExceeded("No predictor started the prediction before its deadline.")
            for job in batch
            if job.is_late
        }
        in_time = [job for job in batch if job not in outcomes]
        if in_time:
            with suppress(Broken):
                outcomes |= dict(zip(in_time, await self._call(in_time), strict=True))
        return outcomes

    async def _call(self, jobs: list[Job]) -> list[Outcome]:
        for job in jobs:
            self._answers.started(job)
        questions = [job.question() for job in jobs]
        started_s = _clock_s()
        try:
            return await self._execution.run(jobs[0].model, questions)
        except Broken:
            raise
        except Exception:  # a bug of ours: whoever waits is told, and the rest goes on
            log.exception("model call failed in the predictor", model=jobs[0].model)
            return [ModelFailed("The predictor failed on this input.") for _ in jobs]
        finally:
            self._prefetch.observe(_clock_s() - started_s)

    async def _give_back(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            await job.delivery.channel.give_back(job.delivery.tag)


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
