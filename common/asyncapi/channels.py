"""The queues and exchanges of the contract, as AsyncAPI has channels."""

import re
from typing import Any, Final

from common.contract.topology import (
    CANCELLATIONS,
    DEAD_LETTERS,
    EXCHANGES,
    PARKED,
    PRESENCE,
    REPLIES,
    ROLL_CALLS,
    Queue,
    SyncQueueType,
    async_queue,
    model_queues,
    shared_queues,
    sync_queue,
)

MODEL: Final = "{model}"
REPLY_QUEUE: Final = "reply-queue"
BINDING_VERSION: Final = "0.3.0"

TRAVELS: Final = {
    sync_queue(MODEL): ("Requests whose callers wait: to be taken first.", ("request",)),
    async_queue(MODEL): ("Requests whose callers come back later.", ("request",)),
    REPLIES: (
        "The stream that all gateways follow. The first final state of a prediction counts.",
        (
            "started",
            "progress",
            "succeeded",
            "failed",
            "cancelled",
            "dead-letter",
            "claim",
            "accepted",
            "released",
            "marker",
        ),
    ),
    DEAD_LETTERS: ("Where the broker sends what it gives up.", ("dead-letter",)),
    PARKED: ("Dead letters, for operators to look at.", ("dead-letter",)),
    PRESENCE: ("Predictors say that they are there.", ("announcement",)),
    CANCELLATIONS: ("Gateways say which requests nobody needs any more.", ("cancelled",)),
    ROLL_CALLS: ("Gateways ask who is there.", ("roll-call",)),
}
"""What each queue and exchange is for, and which messages it sees."""


def channels(sync_type: SyncQueueType) -> dict[str, Any]:
    """Every queue and exchange of the contract, and what travels there."""
    queues = model_queues(MODEL, sync_type) + shared_queues()
    return (
        {channel_id(queue.name): _queue(queue) for queue in queues}
        | {channel_id(name): _exchange(name) for name in EXCHANGES}
        | {REPLY_QUEUE: _reply_queue()}
    )


def channel_id(name: str) -> str:
    """The key under which a queue or an exchange stands in the document."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name)


def _channel(name: str) -> dict[str, Any]:
    meaning, messages = TRAVELS[name]
    return {
        "description": meaning,
        "messages": {each: {"$ref": f"#/components/messages/{each}"} for each in messages},
    }


def _queue(queue: Queue) -> dict[str, Any]:
    declared = {"name": queue.name, "durable": True, "exclusive": False, "autoDelete": False}
    channel = _channel(queue.name) | {
        "address": queue.name,
        "bindings": amqp({"is": "queue", "queue": declared}),
        "x-arguments": queue.arguments,
        "x-bound-to": list(queue.bound_to),
    }
    if MODEL in queue.name:
        channel["parameters"] = {"model": {"description": "The name of a model."}}
    return channel


def _exchange(name: str) -> dict[str, Any]:
    declared = {"name": name, "type": "fanout", "durable": True, "autoDelete": False}
    return _channel(name) | {
        "address": "",  # fanout: whatever the routing key
        "bindings": amqp({"is": "routingKey", "exchange": declared}),
    }


def _reply_queue() -> dict[str, Any]:
    """Where a waiting caller's gateway listens."""
    return {
        "description": "The queue of one gateway; gone when its callers are.",
        "address": None,
        "messages": {
            each: {"$ref": f"#/components/messages/{each}"} for each in ("succeeded", "failed")
        },
        "bindings": amqp(
            {"is": "queue", "queue": {"durable": False, "exclusive": True, "autoDelete": True}}
        ),
    }


def amqp(binding: dict[str, Any]) -> dict[str, Any]:
    """Bindings of what AMQP alone has."""
    return {"amqp": binding | {"bindingVersion": BINDING_VERSION}}
