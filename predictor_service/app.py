"""The composition root: builds the predictor from its settings, opens it and drains it."""

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
    """One predictor: a runner of models between two connections to the broker."""

    def __init__(
        self,
        settings: PredictorSettings,
        broker: BrokerSettings,
        runner: ModelRunner,
        tracer: Tracer | None = None,
    ) -> None:
        self._settings = settings
        self._broker = broker
        self._runner = runner
        self._replica_id = uuid4().hex
        self._publisher = SupervisedConnection(broker, "predictor publisher", self._declare)
        self._observer = Observer(tracer)
        self._replies = ReplySender(traced(self._publisher, tracer), self._observer.replying)
        progress_events = ProgressEvents(self._publisher)
        runner.on_progress = progress_events.progress
        self._cancellations = Cancellations(runner.stop)
        self._replier = Replier(
            runner,
            self._replies,
            progress_events,
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
        """Serve until ``stop`` is set, then finish the requests that run.

        Returns False if it ended because the runner was broken.

        Raises:
            ExceptionGroup: of ``Misconfigured``, if the broker refuses the connection, or the
                address of the health checks cannot be bound.
        """
        log.info("serving", models=[card.name for card in self._runner.cards])
        async with asyncio.TaskGroup() as parts:
            background = [
                parts.create_task(part.run())
                for part in (self._publisher, self._consumer, self._announcer)
            ]
            if self._settings.health_bind:
                background.append(parts.create_task(self._serve_health(self._settings.health_bind)))
            await _first(stop, self._runner.broken)
            log.info("draining", running=self._replier.running)
            leaving = parts.create_task(self._announcer.leave())  # a slow broker delays no drain
            await self._replier.drain(self._settings.drain_s)
            await leaving
            for task in background:
                task.cancel()
        return not self._runner.broken.is_set()

    def _describe(self) -> Announcement:
        settings = self._settings
        return Announcement(
            replica_id=self._replica_id,
            host=socket.gethostname(),
            isolation=settings.isolation,
            concurrency=settings.concurrency,
            max_batch=settings.max_batch,
            predictions=self._replies.outcomes.total(),
            models=self._runner.cards,
        )

    async def _declare(self, connection: SupervisedConnection) -> None:
        channel = await connection.channel()
        queues = shared_queues()
        for card in self._runner.cards:
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
            predictor_metrics(
                self._replier,
                self._replies,
                self._observer,
                self._cancellations,
                self._announcer,
            ),
            connection_metrics(connections),
            self._observer.model_seconds,
            self._observer.batch_sizes,
            self._observer.queue_seconds,
        )
        await serve_http(health_app(checks, registry), (bind,), asyncio.Event())


async def open_runner(
    settings: PredictorSettings, specifications: Sequence[Specification]
) -> ModelRunner:
    """Load the models where they run.

    Raises:
        Misconfigured: a model cannot be loaded; from processes in an ``ExceptionGroup``.
    """
    if settings.isolation == "thread":
        return await asyncio.to_thread(
            ThreadRunner, specifications, settings.concurrency, settings.timeout_s
        )
    runner = ProcessRunner(specifications, settings.concurrency, settings.timeout_s)
    await runner.start()
    return runner


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
