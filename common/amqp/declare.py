"""The declaration of the queues and exchanges of the contract."""

from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused, ChannelPreconditionFailed

from common.contract.topology import EXCHANGES, Queue
from common.errors import Misconfigured


async def declare(channel: AbstractChannel, queues: tuple[Queue, ...]) -> None:
    """Declare all exchanges, ``queues`` and their bindings; existing ones stay as they are.

    Raises:
        Misconfigured: a queue was left by another version, or the user may not declare it.
            The channel is closed then.
    """
    name = ""
    try:
        for name in EXCHANGES:
            await channel.exchange_declare(name, exchange_type="fanout", durable=True)
        for queue in queues:
            name = queue.name
            await channel.queue_declare(name, durable=True, arguments=queue.arguments)
            for exchange in queue.bound_to:
                await channel.queue_bind(name, exchange)
    except ChannelPreconditionFailed as exc:
        raise Misconfigured(
            f"'{name}' is on the broker with other arguments, left by another version or "
            f"another RABBITMQ_SYNC_QUEUE_TYPE: empty it and delete it, or use another "
            f"RABBITMQ_VHOST ({exc})."
        ) from exc
    except ChannelAccessRefused as exc:
        raise Misconfigured(
            f"The RabbitMQ user may not declare '{name}': give it the configure, write and "
            f"read permissions on '^(predictions\\.|amq\\.)' ({exc})."
        ) from exc
