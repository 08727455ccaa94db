"""What a gateway counts, under the names of the Prometheus conventions."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from common.telemetry.metrics import ObservableMetric, ObservableMetrics
from common.telemetry.semantic_conventions import http_method
from gateway.predictions.intake import Intake
from gateway.registry.registry import PredictorRegistry
from gateway.reply_stream.consumer import ReplyStreamConsumer
from gateway.reply_stream.projection import Projection
from gateway.request_reply.requestor import Requestor


class HttpMetrics:
    """Requests by method, route and status, and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "predictmq_http_requests",
            "HTTP requests answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "predictmq_http_request_duration_seconds",
            "Seconds from a request's head to its answer's head.",
            ["method", "route"],
            registry=registry,
        )
        self._labelled: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        method = http_method(method)  # anybody can think of another one
        labelled = self._labelled.get((method, route, status))
        if labelled is None:  # finding them by their labels takes longer than counting
            labelled = (
                self._requests.labels(method, route, str(status)),
                self._seconds.labels(method, route),
            )
            self._labelled[method, route, status] = labelled
        requests, durations = labelled
        requests.inc()
        durations.observe(seconds)


def gateway_metrics(
    intake: Intake,
    requestor: Requestor,
    recorder: Projection,
    journal: ReplyStreamConsumer,
    replicas: PredictorRegistry,
) -> ObservableMetrics:
    """The numbers that the gateway's parts keep."""
    results = recorder.results
    gauges = [
        ObservableMetric(
            "predictmq_pending_calls", "Sync calls waiting.", lambda: len(requestor.pending)
        ),
        ObservableMetric(
            "predictmq_waiting_for_results",
            "Callers who wait for the end of async predictions.",
            lambda: len(recorder.watch),
        ),
        ObservableMetric(
            "predictmq_event_streams",
            "Callers who follow a prediction.",
            lambda: recorder.under_way.followers,
        ),
        ObservableMetric(
            "predictmq_deadlines",
            "Deadlines kept for async predictions whose callers have set one.",
            lambda: len(intake.deadlines),
        ),
        ObservableMetric(
            "predictmq_in_flight_bytes",
            "Request bodies held for calls under way.",
            lambda: intake.waiting.bytes + intake.accepting.bytes,
        ),
        ObservableMetric(
            "predictmq_results",
            "Final states known, by where their bodies are.",
            lambda: {
                "memory": len(results) - results.known_by_offset,
                "stream": results.known_by_offset,
            },
            label="body",
        ),
        ObservableMetric(
            "predictmq_calls_in_flight",
            "Calls under way: sync ones waiting, async ones being accepted.",
            lambda: {"sync": intake.waiting.calls, "async": intake.accepting.calls},
            label="mode",
        ),
        ObservableMetric(
            "predictmq_model_replicas",
            "Predictors that serve a model, as far as they were heard.",
            lambda: {card.name: len(replicas.serving(card.name)) for card in replicas.cards()},
            label="model",
        ),
        ObservableMetric(
            "predictmq_idempotency_keys", "Keys that are known.", lambda: len(recorder.claims)
        ),
        ObservableMetric(
            "predictmq_results_bytes", "Memory of results.", lambda: results.bytes_used
        ),
        ObservableMetric(
            "predictmq_journal_lag_seconds",
            "Age of the newest reply when it was read.",
            lambda: journal.lag_s,
        ),
    ]
    counters = [
        ObservableMetric(
            "predictmq_results_recorded",
            "Final states read from the stream, by state.",
            lambda: results.recorded,
            label="state",
        ),
        ObservableMetric(
            "predictmq_late_replies",
            "Replies whose caller had left.",
            lambda: requestor.late_replies,
        ),
        ObservableMetric(
            "predictmq_resent_requests",
            "Requests sent again on a new connection.",
            lambda: requestor.resent,
        ),
    ]
    return ObservableMetrics(gauges, counters)
