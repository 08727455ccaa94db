"""Composition root: builds the predictor from its settings, opens it and drains it."""

import asyncio

import structlog
from prometheus_client import CollectorRegistry

from common.amqp import Connection
from common.http_server import serve_http
from common.settings import BrokerSettings
from common.telemetry import Reading, Readings
from common.topology import model_queues, shared_queues
from predictor_service.execution import Execution
from predictor_service.health import health_app
from predictor_service.models.base import load_models
from predictor_service.replier import Replier
from predictor_service.settings import PredictorSettings

log = structlog.get_logger()


class Predictor:
    """One predictor: models between two connections to the broker.

    Raises:
        Misconfigured: a model cannot be loaded.
    """

    def __init__(self, settings: PredictorSettings, broker: BrokerSettings) -> None:
        self._settings = settings
        self._broker = broker
        self._models = load_models(settings.models)
        self._execution = Execution(settings.concurrency)
        self._publisher = Connection(broker, "predictor publisher", self._declare)
        self._replier = Replier(
            self._models, self._execution, self._publisher, settings.concurrency
        )
        self._consumer = Connection(
            broker, "predictor consumer", self._consume, self._replier.detach
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, then finish what was started and return.

        Raises:
            ExceptionGroup: of ``Misconfigured``, when the broker or the address refuses us.
        """
        log.info("serving", models=list(self._models))
        async with asyncio.TaskGroup() as parts:
            background = [
                parts.create_task(self._publisher.run()),
                parts.create_task(self._consumer.run()),
            ]
            if self._settings.health_bind:
                background.append(parts.create_task(self._serve_health(self._settings.health_bind)))
            await stop.wait()
            log.info("draining", running=self._replier.running)
            await self._replier.drain(self._settings.drain_s)
            self._execution.abandon()
            for task in background:
                task.cancel()

    async def _declare(self, connection: Connection) -> None:
        channel = await connection.channel()
        queues = shared_queues()
        for model in self._models:
            queues += model_queues(model, self._broker.sync_queue_type)
        await channel.declare(queues)

    async def _consume(self, connection: Connection) -> None:
        await self._declare(connection)
        await self._replier.attach(await connection.channel())

    async def _serve_health(self, bind: str) -> None:
        checks = {
            "broker connected": lambda: self._publisher.is_up and self._consumer.is_up,
            "not draining": lambda: not self._replier.draining,
        }
        registry = CollectorRegistry()
        registry.register(self._readings())
        await serve_http(health_app(checks, registry), bind, asyncio.Event())

    def _readings(self) -> Readings:
        gauges = [
            Reading(
                "predictmq_predictions_running",
                "Predictions that run now.",
                lambda: self._replier.running,
            ),
        ]
        counters = [
            Reading(
                "predictmq_predictions",
                "Predictions by how they ended.",
                lambda: self._replier.outcomes,
                label="outcome",
            ),
            Reading(
                "predictmq_broker_reconnects",
                "Broker connections lost.",
                lambda: {
                    "publisher": self._publisher.reconnects,
                    "consumer": self._consumer.reconnects,
                },
                label="connection",
            ),
        ]
        return Readings(gauges, counters)
