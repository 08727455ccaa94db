"""What a predictor does with the channels, as AsyncAPI has operations."""

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
    """All of them, by their names."""
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
            "bindings": amqp({"deliveryMode": 2, "mandatory": True}),
        },
        "announce": {
            "action": "send",
            "channel": _to_channel(channel_id(PRESENCE)),
            "summary": "When ready, every 5 s, when the roll is called, and when leaving.",
            "bindings": amqp({"deliveryMode": 2, "mandatory": False}),
        },
        "hear-cancellations": {
            "action": "receive",
            "channel": _to_channel(channel_id(CANCELLATIONS)),
            "summary": "Drop or stop the request of that correlation_id, and acknowledge it.",
            "bindings": amqp({"ack": False}),
        },
        "hear-roll-calls": {
            "action": "receive",
            "channel": _to_channel(channel_id(ROLL_CALLS)),
            "summary": "By an exclusive queue bound to the exchange.",
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
    if replies == REPLY_QUEUE:  # which has no address of its own
        reply["address"] = {
            "location": "$message.header#/reply_to",
            "description": "The AMQP property of that name.",
        }
    return {
        "action": "receive",
        "channel": _to_channel(channel_id(queue)),
        "summary": "To be acknowledged once the reply, which is mandatory, is confirmed.",
        "bindings": amqp({"ack": True}),
        "reply": reply,
    }


def _to_channel(name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/{name}"}
