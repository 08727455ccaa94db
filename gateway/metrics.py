"""Metrics of the gateway's parts, under the names of the Prometheus conventions."""

from collections.abc import Set

from common.telemetry.metrics import ObservableMetric, ObservableMetrics
from gateway.predictions.predictions import Predictions
from gateway.registry.registry import PredictorRegistry
from gateway.reply_stream.reply_stream import ReplyStream
from gateway.request_reply.requestor import Requestor


def gateway_metrics(
    predictions: Predictions,
    requestor: Requestor,
    stream: ReplyStream,
    registry: PredictorRegistry,
    default_model: str,
) -> ObservableMetrics:
    """List the metrics that the gateway's parts keep."""
    intake, results = predictions.intake, stream.results
    gauges = [
        ObservableMetric(
            "predictmq_pending_calls", "Sync calls waiting.", lambda: len(requestor.pending)
        ),
        ObservableMetric(
            "predictmq_waiting_for_results",
            "Callers who wait for the end of async predictions.",
            lambda: len(stream.waiters),
        ),
        ObservableMetric(
            "predictmq_event_streams",
            "Callers who follow a prediction.",
            lambda: stream.live_events.followers,
        ),
        ObservableMetric(
            "predictmq_deadlines",
            "Deadlines kept for async predictions whose callers have set one.",
            lambda: len(predictions.deadlines),
        ),
        ObservableMetric(
            "predictmq_in_flight_bytes",
            "Request bodies held for calls under way.",
            lambda: intake.waiting.bytes.used + intake.accepting.bytes.used,
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
            lambda: {"sync": intake.waiting.calls.used, "async": intake.accepting.calls.used},
            label="mode",
        ),
        ObservableMetric(
            "predictmq_model_replicas",
            "Predictors that serve a model, as far as they were heard.",
            lambda: _replicas(registry, {default_model, *requestor.unserved_models}),
            label="model",
        ),
        ObservableMetric(
            "predictmq_idempotency_keys", "Keys that are known.", lambda: len(stream.claims)
        ),
        ObservableMetric(
            "predictmq_results_bytes", "Memory of results.", lambda: results.bytes_used
        ),
        ObservableMetric(
            "predictmq_journal_lag_seconds",
            "Age of the newest reply when it was read.",
            lambda: stream.lag_s,
        ),
    ]
    counters = [
        ObservableMetric(
            "predictmq_results_recorded",
            "Final states read from the stream since the start, by state.",
            lambda: results.recorded,
            label="state",
        ),
        ObservableMetric(
            "predictmq_late_replies",
            "Replies whose caller had left.",
            lambda: requestor.late_replies,
        ),
        ObservableMetric(
            "predictmq_refused_announcements",
            "Announcements, and models in them, that were left out.",
            lambda: registry.refused,
        ),
        ObservableMetric(
            "predictmq_ignored_messages",
            "Messages that were read and are none of those taken there, by where they came from.",
            lambda: {
                "reply stream": stream.ignored,
                "reply queue": requestor.ignored,
            },
            label="source",
        ),
        ObservableMetric(
            "predictmq_resent_requests",
            "Requests sent again on a new connection.",
            lambda: requestor.resent,
        ),
    ]
    return ObservableMetrics(gauges, counters)


def _replicas(registry: PredictorRegistry, queued: Set[str]) -> dict[str, int]:
    """Count the live predictors of each model that is announced, or has queues."""
    announced = {card.name for card in registry.cards()}
    return {model: len(registry.serving(model)) for model in sorted(announced | queued)}
