"""What a gateway counts, under the names of the Prometheus conventions."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from common.telemetry.metrics import Reading, Readings
from common.telemetry.semantic_conventions import http_method
from gateway.predictions.intake import Intake
from gateway.registry.registry import Replicas
from gateway.reply_stream.consumer import Journal
from gateway.reply_stream.projection import Recorder
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


def gateway_readings(
    intake: Intake,
    requestor: Requestor,
    recorder: Recorder,
    journal: Journal,
    replicas: Replicas,
) -> Readings:
    """The numbers that the gateway's parts keep."""
    results = recorder.results
    gauges = [
        Reading("predictmq_pending_calls", "Sync calls waiting.", lambda: len(requestor.pending)),
        Reading(
            "predictmq_waiting_for_results",
            "Callers who wait for the end of async predictions.",
            lambda: len(recorder.watch),
        ),
        Reading(
            "predictmq_event_streams",
            "Callers who follow a prediction.",
            lambda: recorder.under_way.followers,
        ),
        Reading(
            "predictmq_deadlines",
            "Deadlines kept for async predictions whose callers have set one.",
            lambda: len(intake.deadlines),
        ),
        Reading(
            "predictmq_in_flight_bytes",
            "Request bodies held for calls under way.",
            lambda: intake.waiting.bytes + intake.accepting.bytes,
        ),
        Reading(
            "predictmq_results",
            "Final states known, by where their bodies are.",
            lambda: {
                "memory": len(results) - results.known_by_offset,
                "stream": results.known_by_offset,
            },
            label="body",
        ),
        Reading(
            "predictmq_calls_in_flight",
            "Calls under way: sync ones waiting, async ones being accepted.",
            lambda: {"sync": intake.waiting.calls, "async": intake.accepting.calls},
            label="mode",
        ),
        Reading(
            "predictmq_model_replicas",
            "Predictors that serve a model, as far as they were heard.",
            lambda: {card.name: len(replicas.serving(card.name)) for card in replicas.cards()},
            label="model",
        ),
        Reading("predictmq_idempotency_keys", "Keys that are known.", lambda: len(recorder.claims)),
        Reading("predictmq_results_bytes", "Memory of results.", lambda: results.bytes_used),
        Reading(
            "predictmq_journal_lag_seconds",
            "Age of the newest reply when it was read.",
            lambda: journal.lag_s,
        ),
    ]
    counters = [
        Reading(
            "predictmq_results_recorded",
            "Final states read from the stream, by state.",
            lambda: results.recorded,
            label="state",
        ),
        Reading(
            "predictmq_late_replies",
            "Replies whose caller had left.",
            lambda: requestor.late_replies,
        ),
        Reading(
            "predictmq_resent_requests",
            "Requests sent again on a new connection.",
            lambda: requestor.resent,
        ),
    ]
    return Readings(gauges, counters)
