"""What a predictor counts, under the names of the Prometheus conventions."""

from common.telemetry.metrics import Reading, Readings
from predictor_service.request_reply.observer import Observer
from predictor_service.request_reply.replier import Replier
from predictor_service.request_reply.replies import Answers


def predictor_readings(replier: Replier, answers: Answers, observer: Observer) -> Readings:
    """The numbers that the predictor's parts keep."""
    gauges = [
        Reading(
            "predictmq_model_calls_running", "Model calls that run now.", lambda: replier.running
        ),
        Reading(
            "predictmq_waiting_requests",
            "Requests handed over that have not started.",
            lambda: replier.waiting,
        ),
        Reading(
            "predictmq_prefetch",
            "Requests of each lane that may be handed over at once; 0: none are taken now.",
            lambda: replier.prefetch,
        ),
    ]
    counters = [
        Reading(
            "predictmq_redeliveries",
            "Requests taken that were handed over before.",
            lambda: observer.redeliveries,
        ),
        Reading(
            "predictmq_rejected_requests",
            "Messages that were no requests of the contract.",
            lambda: replier.rejected,
        ),
        Reading(
            "predictmq_predictions",
            "Predictions by how they ended.",
            lambda: answers.outcomes,
            label="outcome",
        ),
    ]
    return Readings(gauges, counters)
