"""The AsyncAPI document, put together: the contract as a predictor sees it."""

from typing import Any, Final

from common.asyncapi.channels import channels
from common.asyncapi.messages import MESSAGES, body_schemas, message_object
from common.asyncapi.operations import operations
from common.contract.topology import SyncQueueType


def asyncapi(sync_type: SyncQueueType, version: str) -> dict[str, Any]:
    """An AsyncAPI 3.0 document of the contract, its operations being those of a predictor."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "PredictMQ predictor", "version": version, "description": _ABOUT},
        "defaultContentType": "application/json",
        "channels": channels(sync_type),
        "operations": operations(),
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
