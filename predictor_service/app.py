"""Composition root: builds the predictor from its settings, opens it and drains it."""

import asyncio
import socket
from collections.abc import Sequence
from uuid import uuid4

import structlog

from common.amqp.connection import SupervisedConnection
from common.amqp.publisher import traced
from common.contract.announcement import Announcement
from common.contract.topology import model_queues, shared_queues
from common.http.server import serve_http
from common.settings import BrokerSettings
from common.telemetry.metrics import connection_metrics, process_registry
from common.telemetry.tracing import Tracer
from predictor_service.announcer import Announcer
from predictor_service.execution.processes import ProcessRunner
from predictor_service.execution.runner import ModelRunner
from predictor_service.execution.threads import ThreadRunner
from predictor_service.health import health_app
from predictor_service.metrics import predictor_metrics
from predictor_service.models.specification import Specification
from predictor_service.request_reply.cancellations import Cancellations
from predictor_service.request_reply.observer import Observer
from predictor_service.request_reply.progress_events import ProgressEvents
from predictor_service.request_reply.replier import Replier
from predictor_service.request_reply.replies import ReplySender
from predictor_service.scheduling.batching import Batching
from predictor_service.settings import PredictorSettings

log = structlog.get_logger()


class Predictor:
    """One predictor: models between two connections to the broker."""

    def __init__(
        self,
        settings: PredictorSettings,
        broker: BrokerSettings,
        execution: ModelRunner,
        tracer: Tracer | None = None,
    ) -> None:
        self._settings = settings
        self._broker = broker
        self._execution = execution
        self._replica_id = uuid4().hex
        self._publisher = SupervisedConnection(broker, "predictor publisher", self._declare)
        self._observer = Observer(tracer)
        self._answers = ReplySender(traced(self._publisher, tracer), self._observer.answering)
        events = ProgressEvents(self._publisher)
        execution.on_progress = events.progress
        self._cancellations = Cancellations(execution.stop)
        self._replier = Replier(
            execution,
            self._answers,
            events,
            settings.concurrency,
            Batching(settings.max_batch, settings.batch_window_ms / 1000),
            self._cancellations,
            observer=self._observer,
        )
        self._announcer = Announcer(self._describe, self._publisher)
        self._consumer = SupervisedConnection(
            broker, "predictor consumer", self._consume, self._detach
        )

    async def run(self, stop: asyncio.Event) -> bool:
        """Serve until ``stop`` is set, then finish what was started and return.

        Returns whether all is well; it is not when the models could be run no more.

        Raises:
            ExceptionGroup: of ``Misconfigured``, when the broker or the address refuses us.
        """
        log.info("serving", models=[card.name for card in self._execution.cards])
        async with asyncio.TaskGroup() as parts:
            background = [
                parts.create_task(part.run())
                for part in (self._publisher, self._consumer, self._announcer)
            ]
            if self._settings.health_bind:
                background.append(parts.create_task(self._serve_health(self._settings.health_bind)))
            await _first(stop, self._execution.broken)
            log.info("draining", running=self._replier.running)
            leaving = parts.create_task(self._announcer.leave())  # a slow broker delays no drain
            await self._replier.drain(self._settings.drain_s)
            await leaving
            for task in background:
                task.cancel()
        return not self._execution.broken.is_set()

    def _describe(self) -> Announcement:
        settings = self._settings
        return Announcement(
            replica_id=self._replica_id,
            host=socket.gethostname(),
            isolation=settings.isolation,
            concurrency=settings.concurrency,
            max_batch=settings.max_batch,
            predictions=self._answers.outcomes.total(),
            models=self._execution.cards,
        )

    async def _declare(self, connection: SupervisedConnection) -> None:
        channel = await connection.channel()
        queues = shared_queues()
        for card in self._execution.cards:
            queues += model_queues(card.name, self._broker.sync_queue_type)
        await channel.declare(queues)

    async def _consume(self, connection: SupervisedConnection) -> None:
        await self._declare(connection)
        await self._cancellations.attach(await connection.channel())
        await self._replier.attach(await connection.channel())
        await self._announcer.attach(await connection.channel())

    def _detach(self) -> None:
        self._replier.detach()
        self._announcer.detach()

    async def _serve_health(self, bind: str) -> None:
        checks = {
            "broker connected": lambda: self._publisher.is_up and self._consumer.is_up,
            "announced to the gateways": lambda: self._announcer.announced,
            "not draining": lambda: not self._replier.draining,
        }
        connections = {"publisher": self._publisher, "consumer": self._consumer}
        registry = process_registry(
            predictor_metrics(self._replier, self._answers, self._observer),
            connection_metrics(connections),
            self._observer.model_seconds,
            self._observer.batch_sizes,
            self._observer.queue_seconds,
        )
        await serve_http(health_app(checks, registry), bind, asyncio.Event())


async def open_runner(
    settings: PredictorSettings, specifications: Sequence[Specification]
) -> ModelRunner:
    """Load the models where they will run.

    Raises:
        Misconfigured: one cannot be loaded; in an ``ExceptionGroup``, maybe.
    """
    if settings.isolation == "thread":
        return await asyncio.to_thread(
            ThreadRunner, specifications, settings.concurrency, settings.timeout_s
        )
    execution = ProcessRunner(specifications, settings.concurrency, settings.timeout_s)
    await execution.start()
    return execution


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
