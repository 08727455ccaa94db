"""The bodies of answers that are fixed to the letter."""

from typing import Final

import msgspec

PENDING_SENTENCE: Final = "Prediction is still being processed."


def output(result: bytes, prediction_id: str) -> bytes:
    """What a finished prediction came to; ``result`` is the JSON of its input and result."""
    return b'{"output": %b, "prediction_id": "%b"}' % (result, prediction_id.encode())


def accepted(prediction_id: str) -> bytes:
    """A prediction was accepted for later."""
    return b'{"message": "Request received. Processing asynchronously.", "prediction_id": %b}' % (
        msgspec.json.encode(prediction_id)
    )
