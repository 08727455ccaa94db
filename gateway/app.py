"""Composition root: builds the gateway from its settings, opens it and drains it."""

import asyncio
import time
from functools import partial

import structlog

from common.amqp.connection import SupervisedConnection
from common.amqp.publisher import traced
from common.contract.messages import Message
from common.contract.topology import REPLIES, model_queues, shared_queues
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
from gateway.metrics import HttpMetrics, gateway_metrics
from gateway.prediction_id import PredictionIds, derive_key
from gateway.predictions.deadlines import Deadlines
from gateway.predictions.follow import Follow
from gateway.predictions.idempotency import IdempotentReceiver
from gateway.predictions.intake import Intake
from gateway.predictions.lookup import PredictionLookup
from gateway.predictions.predict import Predict
from gateway.predictions.predict_once import PredictOnce
from gateway.registry.announcements import AnnouncementListener
from gateway.registry.registry import PredictorRegistry
from gateway.reply_stream.consumer import ReplyStreamConsumer
from gateway.reply_stream.idempotency_claims import IdempotencyClaims
from gateway.reply_stream.live_events import LiveEvents
from gateway.reply_stream.projection import Projection
from gateway.reply_stream.replays import Replays
from gateway.reply_stream.result_store import ResultStore
from gateway.reply_stream.results import Results
from gateway.reply_stream.waiters import Waiters
from gateway.request_reply.final_states import FinalStates
from gateway.request_reply.requestor import Requestor
from gateway.settings import GatewaySettings
from gateway.stall_detector import StallDetector
from gateway.web.app import GatewayApp

log = structlog.get_logger()


class Gateway:
    """One gateway: an HTTP server and its connections to the broker."""

    def __init__(
        self, settings: GatewaySettings, broker: BrokerSettings, tracer: Tracer | None = None
    ) -> None:
        self._settings = settings
        self._tracer = tracer
        self._broker = broker
        self._publisher = SupervisedConnection(broker, "gateway publisher", self._declare)
        self._consumer = SupervisedConnection(
            broker, "gateway consumer", self._consume, self._detach
        )
        life_s = settings.life_s
        owners = [key.name for key in settings.api_keys]
        secret = derive_key(settings.id_secret or broker.password)
        ids = PredictionIds(secret, life_s, time.time, owners)
        results = Results(settings.result_cache_bytes, life_s, time.time)
        self._archive = ResultStore(results, lambda: self._journal.caught_up)
        self._replays = Replays()
        self._links = {
            "publisher": self._publisher,
            "consumer": self._consumer,
            "archive": SupervisedConnection(
                broker, "gateway archive", self._attach_archive, self._detach_archive
            ),
        }
        publisher = traced(self._publisher, tracer)
        self._requestor = Requestor(publisher, self._consumer, time.time, tracer)
        watch, self._under_way = Waiters(results.__contains__), LiveEvents()
        claims = IdempotencyClaims(life_s, settings.unaccepted_life_s, time.time)
        recorder = Projection(ids, results, watch, self._under_way, claims)
        if tracer is not None:
            recorder.on_final = partial(self._trace_final, tracer)
        self._journal = ReplyStreamConsumer(recorder, self._publisher, life_s, time.time)
        self._pulse = StallDetector(time.monotonic)
        self._replicas = PredictorRegistry(self._pulse.awake_s)
        self._presence = AnnouncementListener(self._replicas, self._publisher)
        self._endings = FinalStates(self._requestor, publisher, time.time)
        self._deadlines = Deadlines(results.__contains__, watch, self._endings)
        self._intake = Intake(settings, ids, self._replicas, self._requestor, self._deadlines)
        self._predictions = Predict(
            self._intake,
            self._requestor,
            self._endings.tell_predictors,
            settings.sync_timeout_s,
        )
        self._outcomes = PredictionLookup(
            ids, self._archive, watch, self._endings, settings.sync_timeout_s
        )
        self._following = Follow(
            self._archive,
            self._under_way,
            self._replays,
            lambda: self._journal.offset,
            ids.is_alive,
        )
        self._repeatable = PredictOnce(
            self._intake,
            IdempotentReceiver(claims, self._requestor, time.time, self._knows_all),
            self._outcomes,
            settings.sync_timeout_s,
        )
        self._registry = process_registry(
            gateway_metrics(
                self._intake,
                self._requestor,
                recorder,
                self._journal,
                self._replicas,
            ),
            connection_metrics(self._links),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, then answer what was accepted and return.

        Raises:
            ExceptionGroup: of ``Misconfigured``, when the broker or the address refuses us.
        """
        async with asyncio.TaskGroup() as parts:
            runs = [link.run() for link in self._links.values()]
            runs += [self._journal.run(), self._presence.run(), self._endings.run()]
            runs.append(self._pulse.run(self._journal.fall_behind))
            background = [parts.create_task(run) for run in runs]
            await serve_http(
                self.http_app(),
                self._settings.bind,
                stop,
                on_stop=self._stop_accepting,
                drain_s=self._settings.drain_s,
            )
            self._deadlines.close()
            for task in background:
                task.cancel()

    async def _declare(self, connection: SupervisedConnection) -> None:
        channel = await connection.channel()
        await channel.declare(
            shared_queues()
            + model_queues(self._settings.default_model, self._broker.sync_queue_type)
        )

    async def _consume(self, connection: SupervisedConnection) -> None:
        await self._declare(connection)
        await self._requestor.attach(await connection.channel())
        await self._journal.attach(await connection.channel())
        await self._presence.attach(await connection.channel())

    async def _attach_archive(self, connection: SupervisedConnection) -> None:
        await self._archive.attach(await connection.channel())
        self._replays.attach(await connection.channel())

    def _detach_archive(self) -> None:
        self._archive.detach()
        self._replays.detach()

    def _detach(self) -> None:
        self._requestor.detach()
        self._journal.detach()
        self._presence.detach()

    def _knows_all(self) -> bool:
        """Whether all that the reply stream has is known here."""
        return self._journal.caught_up and not self._pulse.stood_still

    def _trace_final(self, tracer: Tracer, message: Message) -> None:
        """What is read of old has been traced when it was new."""
        if "traceparent" in message.headers and self._journal.caught_up:
            tracer.delivered(message, REPLIES, time.time()).end()

    def _stop_accepting(self) -> None:
        log.info("draining")
        self._intake.draining = True
        self._outcomes.stop_waiting()
        self._under_way.interrupt()

    def http_app(self) -> GatewayApp:
        """The HTTP side: every route, and how errors are answered."""
        app = GatewayApp(HttpMetrics(self._registry), self._settings.max_body_bytes, self._tracer)
        checks = {
            "broker connected": lambda: all(link.is_up for link in self._links.values()),
            "journal caught up": self._knows_all,
            "not draining": lambda: not self._intake.draining,
        }
        app.register_blueprint(
            prediction_routes(
                self._predictions,
                self._repeatable,
                self._outcomes,
                self._following,
                self._settings.max_body_bytes,
            )
        )
        app.register_blueprint(model_routes(self._replicas))
        app.register_blueprint(health_routes(checks, self._registry))
        app.register_blueprint(
            document_routes(self._replicas, self._settings, self._broker.sync_queue_type)
        )
        app.register_blueprint(page_routes())
        install_access_control(app, self._settings)
        return app
