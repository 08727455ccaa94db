"""Names and attributes of OpenTelemetry's semantic conventions for HTTP and for RabbitMQ."""

from typing import Final

from common.contract.messages import Message

_KNOWN_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
)


def http_method(method: str) -> str:
    """Return the method of a request as spans have it: ``_OTHER`` for all unknown ones."""
    return method if method in _KNOWN_METHODS else "_OTHER"


def messaging_name(operation: str, destination: str) -> str:
    """Return the name of a span, which omits names of queues that the broker has made up."""
    return operation if _is_anonymous(destination) else f"{operation} {destination}"


def messaging(
    name: str, operation_type: str, destination: str, message: Message
) -> dict[str, str | int | bool]:
    """Return the attributes of a span about ``message``."""
    return {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": name,
        "messaging.operation.type": operation_type,
        "messaging.destination.name": destination,
        "messaging.destination.anonymous": _is_anonymous(destination),
        "messaging.message.conversation_id": message.correlation_id,
        "messaging.message.body.size": len(message.body),
        "predictmq.message_type": message.type,
    }


def _is_anonymous(destination: str) -> bool:
    return destination.startswith("amq.gen-")
