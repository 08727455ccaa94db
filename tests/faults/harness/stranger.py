"""A foreign client of the broker, with messages that our own services would not publish."""

from typing import Any, Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from tests.support.harness.waiting import until

LANES: Final = ("predictions.scripted.sync", "predictions.scripted.async")
"""The queues of ``Scripted``: first the sync one."""

REQUEST: Final[dict[str, Any]] = {
    "body": b'{"input": {"nonce": "a stranger\'s"}}',
    "type": "prediction.request",
    "correlation_id": "from-a-stranger",
    "reply_to": "predictions.replies",
    "expiration": 60,
    "timestamp": 1_700_000_000,
}
"""A request as the contract has it."""


async def send(channel: AbstractChannel, queue: str, **properties: Any) -> None:
    """Publish to ``queue`` and wait for the confirm; ``properties`` has the body, too."""
    await channel.default_exchange.publish(aio_pika.Message(**properties), queue)


async def take(channel: AbstractChannel, queue: str) -> AbstractIncomingMessage:
    """Wait for the next message of ``queue`` and get it without an acknowledgement."""
    source = await channel.get_queue(queue, ensure=False)
    got: list[AbstractIncomingMessage] = []

    async def arrived() -> bool:
        message = await source.get(fail=False)
        got.extend([message] if message else [])
        return bool(message)

    await until(arrived, lambda: f"a message in {queue}")
    return got[0]
