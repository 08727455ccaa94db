"""The channels of the AsyncAPI document: the queues and exchanges of the contract."""

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

_PURPOSES: Final = {
    sync_queue(MODEL): ("Requests whose callers wait: to be consumed first.", ("request",)),
    async_queue(MODEL): ("Requests whose callers fetch the result later.", ("request",)),
    REPLIES: (
        "The stream that all gateways read. The first final state of a prediction counts.",
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
    DEAD_LETTERS: ("Requests that the broker dead-letters.", ("dead-letter",)),
    PARKED: ("Dead letters, kept for operators.", ("dead-letter",)),
    PRESENCE: ("Announcements of live predictors.", ("announcement",)),
    CANCELLATIONS: ("Cancellations of requests, by gateways.", ("cancelled",)),
    ROLL_CALLS: ("Roll calls, by which gateways ask for announcements.", ("roll-call",)),
}
"""The purpose of each queue and exchange, and the messages that pass it."""


def channels(sync_type: SyncQueueType) -> dict[str, Any]:
    """Return every queue and exchange of the contract, with its messages."""
    queues = model_queues(MODEL, sync_type) + shared_queues()
    return (
        {channel_id(queue.name): _queue(queue) for queue in queues}
        | {channel_id(name): _exchange(name) for name in EXCHANGES}
        | {REPLY_QUEUE: _reply_queue()}
    )


def channel_id(name: str) -> str:
    """Return the key of a queue or an exchange in the document."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name)


def _channel(name: str) -> dict[str, Any]:
    purpose, messages = _PURPOSES[name]
    return {
        "description": purpose,
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
        "address": "",  # fanout: any routing key
        "bindings": amqp({"is": "routingKey", "exchange": declared}),
    }


def _reply_queue() -> dict[str, Any]:
    """Return the channel that replies to sync calls go to."""
    return {
        "description": "The reply queue of one gateway, deleted with its connection.",
        "address": None,
        "messages": {
            each: {"$ref": f"#/components/messages/{each}"} for each in ("succeeded", "failed")
        },
        "bindings": amqp(
            {"is": "queue", "queue": {"durable": False, "exclusive": True, "autoDelete": True}}
        ),
    }


def amqp(binding: dict[str, Any]) -> dict[str, Any]:
    """Return the AMQP bindings of a channel or an operation."""
    return {"amqp": binding | {"bindingVersion": BINDING_VERSION}}
