"""The replier of request-reply: delivery → decode → deadline → model → reply → acknowledge.

``consumer.py`` consumes and decodes; ``duplicates.py`` knows what is redelivered; ``dispatcher.py``
queues requests and starts them in batches; ``batch_runner.py`` checks deadlines and runs the model;
``replies.py`` replies and acknowledges.
"""

import asyncio
from collections.abc import Container, Iterable

import structlog

from common.amqp.channel import Channel
from common.contract.messages import Reply
from common.errors import Cancelled, Unavailable
from predictor_service.execution.runner import ModelRunner
from predictor_service.request_reply.background import BackgroundTasks
from predictor_service.request_reply.batch_runner import BatchRunner
from predictor_service.request_reply.consumer import RequestConsumer
from predictor_service.request_reply.dispatcher import Dispatcher
from predictor_service.request_reply.duplicates import RedeliveredRequests
from predictor_service.request_reply.job import Job, RunRecord
from predictor_service.request_reply.observer import Observer
from predictor_service.request_reply.progress_events import ProgressEvents
from predictor_service.request_reply.replies import ReplySender
from predictor_service.scheduling.batching import Batching

log = structlog.get_logger()


class Replier:
    """A replier that runs as many batches of requests at once as there are slots.

    Requests whose correlation ids are among the ``cancelled`` get no reply, and do not run if they
    have not begun.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - it puts all these together
        self,
        runner: ModelRunner,
        replies: ReplySender,
        progress_events: ProgressEvents,
        slots: int,
        batching: Batching,
        cancelled: Container[str] = (),
        *,
        observer: Observer | None = None,
    ) -> None:
        self._replies = replies
        self._cancelled = cancelled
        self._observer = observer or Observer()
        self._duplicates = RedeliveredRequests()
        self._tasks = BackgroundTasks()
        self._dispatcher = Dispatcher(runner, slots, batching, self._start, self._adjust_prefetch)
        self._batch_runner = BatchRunner(
            runner, progress_events, cancelled, self._observer, self._dispatcher.pace
        )
        self.consumer = RequestConsumer(
            [card.name for card in runner.cards],
            self._on_request,
            self._dispatcher.wanted_prefetch,
            self._tasks,
        )

    @property
    def waiting(self) -> int:
        """The number of requests that were delivered and have not started."""
        return self._dispatcher.waiting

    @property
    def running(self) -> int:
        """The number of model calls that run now."""
        return self._dispatcher.running

    @property
    def draining(self) -> bool:
        """True since ``drain`` was called."""
        return self._dispatcher.has_ended

    async def attach(self, channel: Channel) -> None:
        """Consume on a new connection."""
        await self.consumer.attach(channel)

    def detach(self) -> None:
        """Forget the requests that wait: their connection is lost, and they are redelivered."""
        self.consumer.detach()
        self._observer.forget(self._dispatcher.clear())

    async def drain(self, timeout_s: float) -> None:
        """Stop consuming, requeue the requests that have not started, finish those that run.

        Returns after at most ``timeout_s`` seconds. Requests that still run then get no reply, and
        the broker redelivers them once the connection is closed.
        """
        self._dispatcher.end()
        try:
            async with asyncio.timeout(timeout_s):
                try:
                    await self.consumer.adjust()
                    waiting = self._dispatcher.clear()
                    self._observer.forget(waiting)
                    await _requeue(waiting)
                except Unavailable as exc:  # the broker has requeued what it had delivered
                    log.warning("broker not told of the end", reason=exc.sentence)
                await self._tasks.wait()
        except TimeoutError:
            log.warning("predictions left unfinished", count=len(self._tasks))

    def _on_request(self, job: Job) -> None:
        if self._duplicates.is_answered(job):
            self._acknowledge(job)
        elif not self._duplicates.hold(job):
            self._dispatcher.put(job)

    def _start(self, batch: list[Job]) -> None:
        self._tasks.start(self._serve(batch))

    async def _serve(self, batch: list[Job]) -> None:
        """Run a batch, reply to its requests and acknowledge them."""
        self._observer.taken(batch)
        for job in batch:
            self._duplicates.begin(job)
        records: dict[Job, RunRecord] = {}
        try:
            records = await self._run_in_slot(batch)
            replies = {job: self._reply(job, records[job]) for job in records}
            async for job in self._replies.send(replies):
                if replies[job] is not None:
                    self._duplicates.answered(job)
                self._observer.ended(job, records[job], replies[job])
        finally:
            self._observer.forget(records)
            self._dispatcher.answered(batch[0].model)
            self._release_duplicates(records)
            self._dispatcher.dispatch()

    async def _run_in_slot(self, batch: list[Job]) -> dict[Job, RunRecord]:
        records: dict[Job, RunRecord] = {}
        try:
            records = await self._batch_runner.run(batch)
            return records
        finally:
            if rest := [job for job in batch if job not in records]:
                self._release_duplicates(rest)
                self._return(rest)
            self._dispatcher.ran(batch[0].model)

    def _reply(self, job: Job, record: RunRecord) -> Reply | None:
        """Return the reply to a request; None if it was cancelled, maybe while it ran."""
        was_stopped = isinstance(record.outcome, Cancelled)
        is_cancelled = was_stopped or job.request.correlation_id in self._cancelled
        return None if is_cancelled else job.reply(record)

    def _release_duplicates(self, jobs: Iterable[Job]) -> None:
        """Acknowledge the duplicates held back while ``jobs`` ran; without a reply, run them."""
        for duplicate in [held for job in jobs for held in self._duplicates.end(job)]:
            if self._duplicates.is_answered(duplicate):
                self._acknowledge(duplicate)
            else:
                self._return([duplicate])

    def _return(self, jobs: list[Job]) -> None:
        """Have requests that were not run wait again, or requeue them if the predictor ends."""
        if self._dispatcher.is_ending:
            self._observer.forget(jobs)
            self._tasks.start(_requeue(jobs))
            return
        here = [job for job in jobs if job.delivery.channel is self.consumer.channel]
        self._observer.forget([job for job in jobs if job not in here])
        self._dispatcher.put_back(here)

    def _acknowledge(self, job: Job) -> None:
        self._tasks.start(job.delivery.channel.acknowledge([job.delivery.tag]))

    def _adjust_prefetch(self) -> None:
        self.consumer.adjust_soon()


async def _requeue(jobs: Iterable[Job]) -> None:
    for job in jobs:
        await job.delivery.channel.requeue(job.delivery.tag)
