"""The replier of request-reply: delivery → decode → deadline → model → reply → acknowledge.

The acknowledgement comes last: whatever dies before it, the broker hands the request over
again. A request may so be run more than once; it is never lost.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from common.amqp import backoff_s
from common.channel import Channel, Delivery
from common.errors import (
    DeadlineExceeded,
    MalformedRequest,
    PredictionError,
    Unavailable,
    Unroutable,
)
from common.messages import Message, Reply, Request, input_of
from common.topology import REPLIES, async_queue, sync_queue
from predictor_service.execution import Execution
from predictor_service.lanes import Lane, Lanes
from predictor_service.models.base import Predict

PUBLISH_TIMEOUT_S: Final = 10.0

log = structlog.get_logger()


class Publisher(Protocol):
    """What the replier needs of the connection its replies leave by."""

    async def ready(self, timeout_s: float) -> None: ...
    async def publish(self, message: Message, routing_key: str, *, timeout_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Task:
    """A request that was taken off its queue, ready to run."""

    delivery: Delivery
    request: Request
    input_json: bytes
    predict: Predict
    deadline_s: float


class Replier:
    """Runs at most ``concurrency`` requests at once and answers each."""

    def __init__(
        self,
        models: dict[str, Predict],
        execution: Execution,
        publisher: Publisher,
        concurrency: int,
    ) -> None:
        self._models = models
        self._execution = execution
        self._publisher = publisher
        self._concurrency = concurrency
        self._lanes: Lanes[Task] = Lanes(concurrency)
        self._channel: Channel | None = None
        self._consumer_tags: list[str] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self.draining = False
        self.outcomes: Counter[str] = Counter()
        """Predictions by how they ended: ``succeeded`` or an error's code."""

    @property
    def running(self) -> int:
        """Predictions that run now."""
        return self._lanes.running

    async def attach(self, channel: Channel) -> None:
        """Consume both lanes of every model on a new connection.

        Prefetch is the concurrency: a crash counts against everything that was prefetched.
        """
        self._channel = channel
        self._consumer_tags = [
            await self._consume(channel, queue, lane, predict)
            for model, predict in self._models.items()
            for queue, lane in (
                (sync_queue(model), Lane.SYNC),
                (async_queue(model), Lane.ASYNC),
            )
        ]

    def detach(self) -> None:
        """The connection is gone: the broker hands over again what was not acknowledged."""
        self._channel = None
        self._consumer_tags = []
        self._lanes.clear()

    async def drain(self, timeout_s: float) -> None:
        """Stop consuming, give back what has not started, finish what runs.

        Returns after at most ``timeout_s`` seconds; what still runs then is not answered, and
        the broker hands it over again once the connection is closed.
        """
        self.draining = True
        try:
            async with asyncio.timeout(timeout_s):
                await self._give_back()
                while self._under_way:
                    await asyncio.wait(self._under_way)
        except TimeoutError:
            log.warning("predictions left unfinished", count=self.running)

    async def _consume(self, channel: Channel, queue: str, lane: Lane, predict: Predict) -> str:
        def on_delivery(delivery: Delivery) -> None:
            try:
                request = Request.from_message(delivery.message)
                input_json = input_of(request.body)
            except MalformedRequest as exc:
                log.warning("request rejected", queue=queue, reason=exc.sentence)
                self._start(channel.reject(delivery.tag))
                return
            task = Task(delivery, request, input_json, predict, _deadline_s(request))
            self._lanes.put(task, lane, delivery.redeliveries)
            self._fill_slots()

        return await channel.consume(queue, on_delivery, prefetch=self._concurrency)

    def _fill_slots(self) -> None:
        while not self.draining and (task := self._lanes.take()):
            self._start(self._serve(task))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        under_way = asyncio.create_task(_logged(work))
        self._under_way.add(under_way)
        under_way.add_done_callback(self._under_way.discard)

    async def _serve(self, task: Task) -> None:
        try:
            reply = await self._run(task)
            if await self._send(task, reply):
                await task.delivery.channel.acknowledge(task.delivery.tag)
        finally:
            self._lanes.release()
            self._fill_slots()

    async def _run(self, task: Task) -> Reply:
        """Run the model, unless the deadline has passed while the request waited here."""
        request = task.request
        try:
            if time.time() > task.deadline_s:
                raise DeadlineExceeded("No predictor started the prediction before its deadline.")
            result = await self._execution.run(
                task.predict, task.input_json, request.correlation_id
            )
            reply = Reply.succeeded(task.input_json, result)
        except PredictionError as exc:
            self.outcomes[exc.code] += 1
            return Reply.failed(exc)
        self.outcomes["succeeded"] += 1
        return reply

    async def _send(self, task: Task, reply: Reply) -> bool:
        """Publish a reply, over as many connections as it takes; returns whether it is settled.

        It is not when the delivery's own connection is gone: then the request comes again.
        """
        request = task.request
        message = reply.to_message(request.correlation_id, int(time.time()))
        attempt = 0
        while task.delivery.channel is self._channel:
            try:
                await self._publisher.ready(PUBLISH_TIMEOUT_S)
                await self._publisher.publish(
                    message, request.reply_to, timeout_s=PUBLISH_TIMEOUT_S
                )
            except Unavailable as exc:
                if isinstance(exc, Unroutable) and request.reply_to != REPLIES:
                    log.info("caller has left", correlation_id=request.correlation_id)
                    return True
                log.warning("reply not sent yet", reason=exc.sentence)
            else:
                return True
            await asyncio.sleep(backoff_s(attempt))
            attempt += 1
        return False

    async def _give_back(self) -> None:
        channel = self._channel
        if channel is None:
            return
        for tag in self._consumer_tags:
            await channel.cancel(tag)
        for task in self._lanes.clear():
            await channel.give_back(task.delivery.tag)


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    """What the broker did not hear of, it will hand over again; the rest is a bug to be seen."""
    try:
        await work
    except Unavailable as exc:
        log.warning("request will be redelivered", reason=exc.sentence)
    except Exception:
        log.exception("request failed in the predictor")


def _deadline_s(request: Request) -> float:
    """When a request that arrives now may no longer be started, in Unix time.

    The broker drops what has expired, so a request that seems to arrive late, or to have more
    time than it was given, comes from a clock that differs from ours: count from now then.
    AMQP timestamps are whole seconds, rounded down.
    """
    allowed_s = request.expiration_ms / 1000
    now_s = time.time()
    by_sender_s = request.timestamp_s + 1 + allowed_s
    return by_sender_s if now_s < by_sender_s < now_s + allowed_s else now_s + allowed_s
