"""The operations of the AsyncAPI document: those of a predictor on the channels."""

from typing import Any

from common.asyncapi.channels import MODEL, REPLY_QUEUE, amqp, channel_id
from common.contract.topology import (
    CANCELLATIONS,
    PRESENCE,
    REPLIES,
    ROLL_CALLS,
    async_queue,
    sync_queue,
)


def operations() -> dict[str, Any]:
    """Return all operations, by name."""
    return {
        "predict-now": _answer_requests(sync_queue(MODEL), REPLY_QUEUE),
        "predict-later": _answer_requests(async_queue(MODEL), channel_id(REPLIES)),
        "tell-progress": {
            "action": "send",
            "channel": _to_channel(channel_id(REPLIES)),
            "summary": "The events of a running async request. Optional.",
            "messages": [
                {"$ref": f"#/channels/{channel_id(REPLIES)}/messages/{each}"}
                for each in ("started", "progress")
            ],
            "bindings": amqp({"deliveryMode": 2, "mandatory": True}),
        },
        "announce": {
            "action": "send",
            "channel": _to_channel(channel_id(PRESENCE)),
            "summary": "When ready, every 5 s, after a roll call, and when leaving.",
            "bindings": amqp({"deliveryMode": 2, "mandatory": False}),
        },
        "hear-cancellations": {
            "action": "receive",
            "channel": _to_channel(channel_id(CANCELLATIONS)),
            "summary": "Drop or stop the request with that correlation_id, and acknowledge it.",
            "bindings": amqp({"ack": False}),
        },
        "hear-roll-calls": {
            "action": "receive",
            "channel": _to_channel(channel_id(ROLL_CALLS)),
            "summary": "Answer with an announcement; consume from an exclusive, bound queue.",
            "bindings": amqp({"ack": False}),
        },
    }


def _answer_requests(queue: str, replies: str) -> dict[str, Any]:
    reply: dict[str, Any] = {
        "channel": _to_channel(replies),
        "messages": [
            {"$ref": f"#/channels/{replies}/messages/{each}"} for each in ("succeeded", "failed")
        ],
    }
    if replies == REPLY_QUEUE:  # it has no address of its own
        reply["address"] = {
            "location": "$message.header#/reply_to",
            "description": "The AMQP property of that name.",
        }
    return {
        "action": "receive",
        "channel": _to_channel(channel_id(queue)),
        "summary": "Acknowledge a request once its reply, a mandatory publish, is confirmed.",
        "bindings": amqp({"ack": True}),
        "reply": reply,
    }


def _to_channel(name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/{name}"}
