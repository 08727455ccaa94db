"""The exchanges, queues and bindings of the contract, as data. No I/O.

The arguments are constants of the contract, not settings: two processes that disagree on one could
not run on the same broker.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

SyncQueueType = Literal["quorum", "classic"]

DEAD_LETTERS: Final = "predictions.dead-letters"
PARKED: Final = "predictions.parked"
REPLIES: Final = "predictions.replies"
PRESENCE: Final = "predictions.presence"
ROLL_CALLS: Final = "predictions.roll-calls"
CANCELLATIONS: Final = "predictions.cancellations"

STREAMS: Final = (REPLIES,)

EXCHANGES: Final = (DEAD_LETTERS, PRESENCE, ROLL_CALLS, CANCELLATIONS)
"""The exchanges, all of them fanout and durable."""

RETENTION_S: Final = 24 * 3600
"""The time for which the reply stream keeps messages: the longest life of a prediction."""

CLOCK_SKEW_S: Final = 900
"""The largest difference of the clocks of gateways and broker that loses no reply."""

MAX_EXPIRATION_S: Final = 10 * 365 * 24 * 3600
"""The longest ``expiration`` that RabbitMQ takes; a longer one closes the channel."""

DELIVERY_LIMIT: Final = 3
"""Redeliveries of a request whose predictor died, before the broker dead-letters it."""


def sync_queue(model: str) -> str:
    """Return the name of the queue for requests whose callers wait."""
    return f"predictions.{model}.sync"


def async_queue(model: str) -> str:
    """Return the name of the queue for requests whose callers fetch the result later."""
    return f"predictions.{model}.async"


@dataclass(frozen=True)
class Queue:
    """A durable queue or stream, and the fanout exchanges it is bound to."""

    name: str
    arguments: dict[str, Any]
    bound_to: tuple[str, ...] = field(default=())


def shared_queues() -> tuple[Queue, ...]:
    """Return the queues that exist once for all models."""
    return (
        Queue(
            PARKED,
            {"x-queue-type": "quorum", "x-max-length": 100_000, "x-overflow": "drop-head"},
            bound_to=(DEAD_LETTERS,),
        ),
        Queue(
            REPLIES,
            {
                "x-queue-type": "stream",
                "x-max-age": f"{RETENTION_S // 3600}h",
                "x-max-length-bytes": 5_000_000_000,
                "x-stream-max-segment-size-bytes": 16_000_000,
            },
            bound_to=(DEAD_LETTERS,),
        ),
    )


def model_queues(model: str, sync_type: SyncQueueType) -> tuple[Queue, ...]:
    """Return the two lanes of one model.

    The sync lane has no dead-letter exchange: the deadline of the call ends the wait.
    """
    refuse_when_full = {"x-overflow": "reject-publish"}
    quorum = {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT}
    return (
        Queue(
            sync_queue(model),
            (quorum if sync_type == "quorum" else {"x-queue-type": "classic"})
            | refuse_when_full
            | {"x-max-length": 10_000},
        ),
        Queue(
            async_queue(model),
            quorum
            | refuse_when_full
            | {
                "x-max-length": 1_000_000,
                "x-dead-letter-exchange": DEAD_LETTERS,
                "x-dead-letter-strategy": "at-least-once",
            },
        ),
    )
