"""The composition root: builds the gateway from its settings, runs it and drains it."""

import asyncio
import time
from collections.abc import Callable

import structlog
from prometheus_client.exposition import generate_latest

from common.amqp.connection import SupervisedConnection
from common.amqp.publisher import traced
from common.contract.topology import model_queues, shared_queues
from common.http.listener import SharedPort
from common.http.server import serve_http
from common.settings import BrokerSettings
from common.telemetry.metrics import connection_metrics, process_registry
from common.telemetry.tracing import Tracer
from gateway.access.guard import install_access_control
from gateway.api.document_routes import document_routes
from gateway.api.health_routes import health_routes
from gateway.api.model_routes import model_routes
from gateway.api.page_routes import page_routes
from gateway.api.prediction_routes import prediction_routes
from gateway.metrics import gateway_metrics
from gateway.prediction_id import PredictionIds, derive_key
from gateway.predictions.predictions import Predictions
from gateway.registry.registry import PredictorRegistry
from gateway.reply_stream.reply_stream import ReplyStream
from gateway.request_reply.requestor import Requestor
from gateway.settings import GatewaySettings
from gateway.stall_detector import StallDetector
from gateway.web.app import GatewayApp
from gateway.web.http_metrics import HttpMetrics
from gateway.workers.metrics import WorkerMetrics
from gateway.workers.worker import Worker

log = structlog.get_logger()


class Gateway:
    """One gateway: an HTTP server and its connections to the broker.

    A ``worker`` is one of several behind one port.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        broker: BrokerSettings,
        tracer: Tracer | None = None,
        worker: Worker | None = None,
    ) -> None:
        self._worker = worker
        self._settings = settings
        self._broker = broker
        self._tracer = tracer
        publisher = SupervisedConnection(broker, "gateway publisher", self._declare)
        consumer = SupervisedConnection(broker, "gateway consumer", self._consume, self._detach)
        reader = SupervisedConnection(
            broker, "gateway archive", self._open_readers, self._close_readers
        )
        self._connections = {"publisher": publisher, "consumer": consumer, "archive": reader}
        ids = PredictionIds(
            derive_key(settings.id_secret or broker.password),
            settings.life_s,
            time.time,
            settings.owners,
        )
        self._stall_detector = StallDetector(time.monotonic)
        self._registry = PredictorRegistry(
            self._stall_detector.awake_s, publisher, consumer.count_consumers
        )
        self._requestor = Requestor(traced(publisher, tracer), consumer, time.time, tracer)
        self._stream = ReplyStream(settings, ids, publisher, self._stall_detector, tracer)
        self._predictions = Predictions(
            settings, ids, self._registry, self._requestor, self._stream
        )
        self._conditions: dict[str, Callable[[], bool]] = {
            "broker connected": lambda: all(each.is_up for each in self._connections.values()),
            "journal caught up": self._stream.has_caught_up,
        }
        self._metrics = process_registry(
            gateway_metrics(
                self._predictions,
                self._requestor,
                self._stream,
                self._registry,
                settings.default_model,
            ),
            connection_metrics(self._connections),
        )
        self._shared_metrics = WorkerMetrics(worker, self._metrics) if worker is not None else None

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, then respond to the calls under way and return.

        Raises:
            ExceptionGroup: of ``Misconfigured``, if the broker or the address cannot be used as
                configured.
        """
        async with asyncio.TaskGroup() as tasks:
            runs = [connection.run() for connection in self._connections.values()]
            runs += [self._stream.run(), self._registry.run(), self._predictions.run()]
            runs.append(self._stall_detector.run(self._stream.fall_behind))
            if self._worker is not None and self._shared_metrics is not None:
                runs += [self._worker.run(stop), self._shared_metrics.run()]
            background = [tasks.create_task(run) for run in runs]
            if await self._may_listen(stop):
                await self._serve(stop)
            self._predictions.close()
            for task in background:
                task.cancel()

    async def _may_listen(self, stop: asyncio.Event) -> bool:
        """Return True at once, or as a worker when it knows what the others know."""
        if self._worker is None:
            return True
        conditions = self._conditions | {"predictors heard": self._registry.is_complete}
        return await self._worker.may_accept(conditions, stop)

    async def _serve(self, stop: asyncio.Event) -> None:
        binds, worker = self._settings.binds, self._worker
        await serve_http(
            self.http_app(),
            SharedPort(worker.listeners, worker.others_stay) if worker is not None else binds,
            stop,
            on_stop=self._on_stop,
            drain_s=self._settings.drain_s,
        )

    async def _declare(self, connection: SupervisedConnection) -> None:
        channel = await connection.channel()
        await channel.declare(
            shared_queues()
            + model_queues(self._settings.default_model, self._broker.sync_queue_type)
        )

    async def _consume(self, connection: SupervisedConnection) -> None:
        await self._declare(connection)
        await self._requestor.attach(await connection.channel())
        await self._stream.attach(await connection.channel())
        await self._registry.attach(await connection.channel())

    def _detach(self) -> None:
        self._requestor.detach()
        self._stream.detach()
        self._registry.detach()

    async def _open_readers(self, connection: SupervisedConnection) -> None:
        await self._stream.attach_readers(await connection.channel(), await connection.channel())

    def _close_readers(self) -> None:
        self._stream.detach_readers()

    def _on_stop(self) -> None:
        if self._worker is not None and self._worker.leaves_alone:
            log.info("leaving the port")
            self._predictions.interrupt()  # the clients that are connected may go on calling
        else:
            log.info("draining")
            self._predictions.stop_accepting()

    async def _exposition(self) -> bytes:
        if self._shared_metrics is not None:
            return await self._shared_metrics.exposition()
        return generate_latest(self._metrics)

    def http_app(self) -> GatewayApp:
        """Build the HTTP application: all routes, with access control in front of them."""
        settings, registry = self._settings, self._registry
        app = GatewayApp(HttpMetrics(self._metrics), settings.max_body_bytes, self._tracer)
        checks = self._conditions | {"not draining": lambda: not self._predictions.is_draining}
        for routes in (
            prediction_routes(self._predictions, settings.max_body_bytes),
            model_routes(registry),
            health_routes(checks, self._exposition),
            document_routes(registry, settings, self._broker.sync_queue_type),
            page_routes(app),
        ):
            app.register_blueprint(routes)
        install_access_control(app, settings)
        return app
