"""Every exchange, queue and binding of the contract, as data. No I/O.

The arguments are constants of the contract, not settings: two processes that disagree on
one could not start together.
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
"""All of them fanout and durable."""

RETENTION_S: Final = 24 * 3600
"""How long the reply stream keeps what it was told: the longest life of a prediction."""

CLOCK_SKEW_S: Final = 900
"""How far the clocks of gateways and broker may differ without a reply being missed."""

MAX_EXPIRATION_S: Final = 10 * 365 * 24 * 3600
"""The longest ``expiration`` RabbitMQ takes; a longer one closes the channel."""

DELIVERY_LIMIT: Final = 3
"""Redeliveries of a request whose predictor died, before the broker gives it up."""


def sync_queue(model: str) -> str:
    """The queue of requests whose caller waits."""
    return f"predictions.{model}.sync"


def async_queue(model: str) -> str:
    """The queue of requests whose caller comes back for the result."""
    return f"predictions.{model}.async"


@dataclass(frozen=True)
class Queue:
    """A durable queue or stream, and the fanout exchanges it is bound to."""

    name: str
    arguments: dict[str, Any]
    bound_to: tuple[str, ...] = field(default=())


def shared_queues() -> tuple[Queue, ...]:
    """The queues that are there once, whatever the models."""
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
    """The two lanes of one model.

    The sync lane has no dead-letter exchange: its caller is told by the deadline.
    """
    refuse_when_full = {"x-overflow": "reject-publish"}
    give_up = {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT}
    return (
        Queue(
            sync_queue(model),
            (give_up if sync_type == "quorum" else {"x-queue-type": "classic"})
            | refuse_when_full
            | {"x-max-length": 10_000},
        ),
        Queue(
            async_queue(model),
            give_up
            | refuse_when_full
            | {
                "x-max-length": 1_000_000,
                "x-dead-letter-exchange": DEAD_LETTERS,
                "x-dead-letter-strategy": "at-least-once",
            },
        ),
    )
