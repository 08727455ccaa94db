"""What a predictor counts, under the names of the Prometheus conventions."""

from common.amqp import Connection
from common.telemetry import Reading, Readings
from predictor_service.answers import Answers
from predictor_service.replier import Replier


def predictor_readings(
    replier: Replier, answers: Answers, connections: dict[str, Connection]
) -> Readings:
    """The numbers that the predictor's parts keep."""
    gauges = [
        Reading(
            "predictmq_model_calls_running", "Model calls that run now.", lambda: replier.running
        ),
        Reading(
            "predictmq_prefetch",
            "Requests of each lane that may be handed over at once; 0: none are taken now.",
            lambda: replier.prefetch,
        ),
    ]
    counters = [
        Reading(
            "predictmq_predictions",
            "Predictions by how they ended.",
            lambda: answers.outcomes,
            label="outcome",
        ),
        Reading(
            "predictmq_broker_reconnects",
            "Broker connections lost.",
            lambda: {name: link.reconnects for name, link in connections.items()},
            label="connection",
        ),
    ]
    return Readings(gauges, counters)
