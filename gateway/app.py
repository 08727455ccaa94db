"""Composition root: builds the gateway from its settings, opens it and drains it."""

import asyncio
import time

import structlog
from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException

from common.amqp import Connection
from common.errors import PredictionError
from common.http_server import ANSWER_TIMEOUT_S, SYSTEM_BOUNDS_ANSWERS, serve_http
from common.settings import BrokerSettings
from common.telemetry import link_readings, process_registry
from common.topology import model_queues, shared_queues
from common.tracing import Tracer, traced
from gateway.archive import Archive
from gateway.discovery import model_routes
from gateway.health import health_routes
from gateway.journal import Journal
from gateway.metrics import HttpMetrics, gateway_readings
from gateway.observed import ObservedQuart
from gateway.outcomes import Outcomes
from gateway.prediction_id import PredictionIds, derive_key
from gateway.predictions import Predictions
from gateway.presence import Presence
from gateway.problems import http_problem, prediction_problem, unexpected_problem
from gateway.pulse import Pulse
from gateway.recorder import Recorder, TracedRecorder
from gateway.replicas import Replicas
from gateway.requestor import Requestor
from gateway.results import Results
from gateway.routes import prediction_routes
from gateway.settings import GatewaySettings
from gateway.watch import Watch

log = structlog.get_logger()


class Gateway:
    """One gateway: an HTTP server and its connections to the broker."""

    def __init__(
        self, settings: GatewaySettings, broker: BrokerSettings, tracer: Tracer | None = None
    ) -> None:
        self._settings = settings
        self._tracer = tracer
        self._broker = broker
        self._publisher = Connection(broker, "gateway publisher", self._declare)
        self._consumer = Connection(broker, "gateway consumer", self._consume, self._detach)
        life_s = settings.life_s
        ids = PredictionIds(derive_key(settings.id_secret or broker.password), life_s, time.time)
        results = Results(settings.result_cache_bytes, life_s, time.time)
        self._archive = Archive(results, lambda: self._journal.caught_up)
        self._links = {
            "publisher": self._publisher,
            "consumer": self._consumer,
            "archive": Connection(
                broker, "gateway archive", self._attach_archive, self._archive.detach
            ),
        }
        self._requestor = Requestor(
            traced(self._publisher, tracer), self._consumer, time.time, tracer
        )
        watch = Watch(results.__contains__)
        recorder = (
            TracedRecorder(ids, results, watch, tracer, lambda: self._journal.caught_up)
            if tracer
            else Recorder(ids, results, watch)
        )
        self._journal = Journal(recorder, self._publisher, life_s, time.time)
        self._pulse = Pulse(time.monotonic)
        self._replicas = Replicas(self._pulse.awake_s)
        self._presence = Presence(self._replicas, self._publisher)
        self._predictions = Predictions(settings, ids, self._replicas, self._requestor)
        self._outcomes = Outcomes(ids, self._archive, watch, settings.sync_timeout_s)
        self._registry = process_registry(
            gateway_readings(
                self._predictions,
                self._requestor,
                recorder,
                self._journal,
                self._replicas,
            ),
            link_readings(self._links),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, then answer what was accepted and return.

        Raises:
            ExceptionGroup: of ``Misconfigured``, when the broker or the address refuses us.
        """
        async with asyncio.TaskGroup() as parts:
            runs = [link.run() for link in self._links.values()]
            runs += [self._journal.run(), self._presence.run()]
            runs.append(self._pulse.run(self._journal.fall_behind))
            background = [parts.create_task(run) for run in runs]
            await serve_http(
                self._http_app(),
                self._settings.bind,
                stop,
                on_stop=self._stop_accepting,
                drain_s=self._settings.drain_s,
            )
            for task in background:
                task.cancel()

    async def _declare(self, connection: Connection) -> None:
        channel = await connection.channel()
        await channel.declare(
            shared_queues()
            + model_queues(self._settings.default_model, self._broker.sync_queue_type)
        )

    async def _consume(self, connection: Connection) -> None:
        await self._declare(connection)
        await self._requestor.attach(await connection.channel())
        await self._journal.attach(await connection.channel())
        await self._presence.attach(await connection.channel())

    async def _attach_archive(self, connection: Connection) -> None:
        await self._archive.attach(await connection.channel())

    def _detach(self) -> None:
        self._requestor.detach()
        self._journal.detach()
        self._presence.detach()

    def _stop_accepting(self) -> None:
        log.info("draining")
        self._predictions.draining = True
        self._outcomes.stop_waiting()

    def _http_app(self) -> Quart:
        app = ObservedQuart(HttpMetrics(self._registry), self._tracer)
        app.url_map.merge_slashes = False  # such a path is unknown, not redirected
        app.config["MAX_CONTENT_LENGTH"] = self._settings.max_body_bytes
        # Each of Quart's own timeouts would be a task and a timer for every request.
        app.config["BODY_TIMEOUT"] = None
        app.config["RESPONSE_TIMEOUT"] = None if SYSTEM_BOUNDS_ANSWERS else ANSWER_TIMEOUT_S
        checks = {
            "broker connected": lambda: all(link.is_up for link in self._links.values()),
            "journal caught up": lambda: self._journal.caught_up and not self._pulse.stood_still,
            "not draining": lambda: not self._predictions.draining,
        }
        app.register_blueprint(
            prediction_routes(self._predictions, self._outcomes, self._settings.max_body_bytes)
        )
        app.register_blueprint(model_routes(self._replicas))
        app.register_blueprint(health_routes(checks, self._registry))
        app.register_error_handler(PredictionError, _on_prediction_error)
        app.register_error_handler(HTTPException, _on_http_error)
        app.register_error_handler(Exception, _on_unexpected)
        return app


async def _on_prediction_error(error: PredictionError) -> Response:
    return prediction_problem(error)


async def _on_http_error(error: HTTPException) -> Response:
    return http_problem(error)


async def _on_unexpected(error: Exception) -> Response:
    log.error("unexpected failure", path=request.path, exc_info=error)
    return unexpected_problem()
