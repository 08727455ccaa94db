"""The AsyncAPI document, put together: the contract as a predictor sees it."""

import re
from typing import Any, Final

from common.asyncapi.messages import MESSAGES, body_schemas, message_object
from common.topology import (
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


def asyncapi(sync_type: SyncQueueType, version: str) -> dict[str, Any]:
    """An AsyncAPI 3.0 document of the contract, its operations being those of a predictor."""
    queues = model_queues(MODEL, sync_type) + shared_queues()
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "PredictMQ predictor", "version": version, "description": _ABOUT},
        "defaultContentType": "application/json",
        "channels": {channel_id(queue.name): _queue(queue) for queue in queues}
        | {channel_id(name): _exchange(name) for name in EXCHANGES}
        | {REPLY_QUEUE: _reply_queue()},
        "operations": _operations(),
        "components": {
            "messages": {name: message_object(told) for name, told in MESSAGES.items()},
            "schemas": body_schemas(),
        },
    }


_ABOUT: Final = (
    "All that a predictor in any language has to know. `x-properties` are the AMQP properties of "
    "a message, `x-arguments` those that a queue is declared with, `x-bound-to` the fanout "
    "exchanges that it gets messages from."
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
        "bindings": _amqp({"is": "queue", "queue": declared}),
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
        "bindings": _amqp({"is": "routingKey", "exchange": declared}),
    }


def _reply_queue() -> dict[str, Any]:
    """Where a waiting caller's gateway listens."""
    return {
        "description": "The queue of one gateway; gone when its callers are.",
        "address": None,
        "messages": {
            each: {"$ref": f"#/components/messages/{each}"} for each in ("succeeded", "failed")
        },
        "bindings": _amqp(
            {"is": "queue", "queue": {"durable": False, "exclusive": True, "autoDelete": True}}
        ),
    }


def _amqp(binding: dict[str, Any]) -> dict[str, Any]:
    return {"amqp": binding | {"bindingVersion": BINDING_VERSION}}


def _operations() -> dict[str, Any]:
    return {
        "predict-now": _answer_requests(sync_queue(MODEL), REPLY_QUEUE),
        "predict-later": _answer_requests(async_queue(MODEL), channel_id(REPLIES)),
        "tell-progress": {
            "action": "send",
            "channel": _to_channel(channel_id(REPLIES)),
            "summary": "Of async requests, for those who follow them. May be left out.",
            "messages": [
                {"$ref": f"#/channels/{channel_id(REPLIES)}/messages/{each}"}
                for each in ("started", "progress")
            ],
            "bindings": _amqp({"deliveryMode": 2, "mandatory": True}),
        },
        "announce": {
            "action": "send",
            "channel": _to_channel(channel_id(PRESENCE)),
            "summary": "When ready, every 5 s, when the roll is called, and when leaving.",
            "bindings": _amqp({"deliveryMode": 2, "mandatory": False}),
        },
        "hear-cancellations": {
            "action": "receive",
            "channel": _to_channel(channel_id(CANCELLATIONS)),
            "summary": "Drop or stop the request of that correlation_id, and acknowledge it.",
            "bindings": _amqp({"ack": False}),
        },
        "hear-roll-calls": {
            "action": "receive",
            "channel": _to_channel(channel_id(ROLL_CALLS)),
            "summary": "By an exclusive queue bound to the exchange.",
            "bindings": _amqp({"ack": False}),
        },
    }


def _answer_requests(queue: str, replies: str) -> dict[str, Any]:
    reply: dict[str, Any] = {
        "channel": _to_channel(replies),
        "messages": [
            {"$ref": f"#/channels/{replies}/messages/{each}"} for each in ("succeeded", "failed")
        ],
    }
    if replies == REPLY_QUEUE:  # which has no address of its own
        reply["address"] = {
            "location": "$message.header#/reply_to",
            "description": "The AMQP property of that name.",
        }
    return {
        "action": "receive",
        "channel": _to_channel(channel_id(queue)),
        "summary": "To be acknowledged once the reply, which is mandatory, is confirmed.",
        "bindings": _amqp({"ack": True}),
        "reply": reply,
    }


def _to_channel(name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/{name}"}
