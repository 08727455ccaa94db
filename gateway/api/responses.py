"""Responses of the prediction routes; their bodies are fixed to the letter."""

import http
from typing import Final

from common.contract.progress import Progress
from gateway.call_context import add_log_fields
from gateway.prediction_id import PredictionId, spell
from gateway.web.errors import problem_response
from gateway.web.response import BytesResponse, json_response

PENDING_SENTENCE: Final = "Prediction is still being processed."

RETRY_AFTER_S: Final = "1"
"""``Retry-After`` for a prediction that is not finished, in seconds."""


def empty_response() -> BytesResponse:
    """Respond with 204."""
    return BytesResponse(b"", int(http.HTTPStatus.NO_CONTENT), {"Content-Length": "0"})


def accepted_response(prediction_id: PredictionId) -> BytesResponse:
    """Respond with 202: a prediction was accepted for later."""
    add_log_fields(state="accepted")
    text = spell(prediction_id)
    body = b'{"message": "Request received. Processing asynchronously.", "prediction_id": "%b"}'
    response = json_response(body % text.encode(), http.HTTPStatus.ACCEPTED)
    response.headers["Location"] = f"/predict/{text}"
    response.headers["Retry-After"] = RETRY_AFTER_S
    return response


def pending_response(progress: Progress | None) -> BytesResponse:
    """Respond with 202: the prediction is not finished; problem details have its progress."""
    more = {} if progress is None else {"progress": progress}
    response = problem_response(http.HTTPStatus.ACCEPTED, "pending", PENDING_SENTENCE, **more)
    response.headers["Retry-After"] = RETRY_AFTER_S
    return response


def output_body(result: bytes, prediction_id: str) -> bytes:
    """Render a finished prediction; ``result`` is the JSON of its input and result."""
    parts = (b'{"output": ', result, b', "prediction_id": "', prediction_id.encode(), b'"}')
    return b"".join(parts)  # a large result is copied once, by % several times
