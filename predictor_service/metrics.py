"""The numbers of a predictor, under the names of the Prometheus conventions."""

from common.telemetry.metrics import ObservableMetric, ObservableMetrics
from predictor_service.announcer import Announcer
from predictor_service.request_reply.cancellations import Cancellations
from predictor_service.request_reply.observer import Observer
from predictor_service.request_reply.replier import Replier
from predictor_service.request_reply.replies import ReplySender


def predictor_metrics(
    replier: Replier,
    replies: ReplySender,
    observer: Observer,
    cancellations: Cancellations,
    announcer: Announcer,
) -> ObservableMetrics:
    """Return the numbers that the predictor's parts keep."""
    ignored = ObservableMetric(
        "predictmq_ignored_messages",
        "Messages that were read and are none of those taken there, by where they came from.",
        lambda: {"cancellations": cancellations.ignored, "roll calls": announcer.ignored},
        label="source",
    )
    return ObservableMetrics(_gauges(replier), [*_counters(replier, replies, observer), ignored])


def _gauges(replier: Replier) -> list[ObservableMetric]:
    return [
        ObservableMetric(
            "predictmq_model_calls_running", "Model calls that run now.", lambda: replier.running
        ),
        ObservableMetric(
            "predictmq_waiting_requests",
            "Requests handed over that have not started.",
            lambda: replier.waiting,
        ),
        ObservableMetric(
            "predictmq_prefetch",
            "Requests of each lane that may be handed over at once; 0: none are taken now.",
            lambda: replier.consumer.prefetch,
        ),
    ]


def _counters(replier: Replier, replies: ReplySender, observer: Observer) -> list[ObservableMetric]:
    return [
        ObservableMetric(
            "predictmq_redeliveries",
            "Requests taken that were handed over before.",
            lambda: observer.redeliveries,
        ),
        ObservableMetric(
            "predictmq_rejected_requests",
            "Messages that were no requests of the contract.",
            lambda: replier.consumer.rejected,
        ),
        ObservableMetric(
            "predictmq_predictions",
            "Predictions by how they ended.",
            lambda: replies.outcomes,
            label="outcome",
        ),
    ]
