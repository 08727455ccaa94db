"""The AsyncAPI document: the contract from the side of a predictor."""

from typing import Any, Final

from common.asyncapi.channels import channels
from common.asyncapi.messages import MESSAGES, body_schemas, message_object
from common.asyncapi.operations import operations
from common.contract.topology import SyncQueueType


def asyncapi(sync_type: SyncQueueType, version: str) -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of the contract, with the operations of a predictor."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "PredictMQ predictor", "version": version, "description": _ABOUT},
        "defaultContentType": "application/json",
        "channels": channels(sync_type),
        "operations": operations(),
        "components": {
            "messages": {name: message_object(message) for name, message in MESSAGES.items()},
            "schemas": body_schemas(),
        },
    }


_ABOUT: Final = (
    "The contract for a predictor in any language. `x-properties` are the AMQP properties of a "
    "message, `x-arguments` the arguments that a queue is declared with, `x-bound-to` the fanout "
    "exchanges that it is bound to."
)
